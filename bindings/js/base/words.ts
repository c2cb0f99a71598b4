/** Numbers and values in words, the same in every locale. */

/** "1 item", "2 items", "1,234 entries"; with verbs "1 row has", "2 rows have". Every count with a noun goes through here. */
export function counted(n: number, noun: string, verb = "", verbs = verb): string {
  return `${thousands(n)} ${inNumber(n, noun)}${n === 1 ? verb && ` ${verb}` : verbs && ` ${verbs}`}`;
}

/** "there is 1 row", "there are 2 rows" */
export const thereAre = (n: number, noun: string): string => `there ${n === 1 ? "is" : "are"} ${counted(n, noun)}`;

/** "item" for one, "items" for others, without the number. */
export function inNumber(n: number, noun: string): string {
  if (n === 1) return noun;
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|sh|[^o]ch)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

/** 1234567 -> "1,234,567", the same in every locale; numbers beyond 10^15 as "1.8e19". */
export function thousands(n: number): string {
  if (Math.abs(n) >= 1e15) return n.toExponential(1).replace("e+", "e");
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** 0.9312 -> "93.1%". Shares below 1 are never shown as 100%, and shares above 0 never as 0%. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${100 * share}%`;
  if (share > 0 && share < 0.001) return "under 0.1%";
  return `${(share > 0.999 && share < 1 ? 99.9 : 100 * share).toFixed(1)}%`;
}

/** Rounded down to a whole per cent, so that "100%" means all. */
export function wholePercent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1%" : `${Math.floor(share * 100 + 1e-9)}%`;
}

/** Three significant digits: 0.421, 12.3, 1,235. */
export function short(x: number): string {
  const size = Math.abs(x);
  if (size >= 1000) return `${x < 0 ? "-" : ""}${thousands(Math.round(size))}`;
  if (size === 0) return "0";
  return size < 1e-3 ? x.toExponential(2) : x.toPrecision(3);
}
