/** Names and values from files, shown in messages and compared with those of options. */

/** A name, cut off if it is very long. */
export const clippedName = (name: string): string => (name.length > 120 ? `${name.slice(0, 120)}...` : name);
/** Like `clippedName`, in quotes. */
export const showName = (name: string): string => JSON.stringify(clippedName(name));

/** Whether two values of an option are the same: numbers, texts, or lists of them. */
export const isSame = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) && Array.isArray(other)
    ? one.length === other.length && one.every((entry, i) => entry === other[i])
    : one === other;
