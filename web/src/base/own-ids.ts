import { formatShare, plural } from "./words.ts";

/** What every part of the page counts the same thing by. */
export interface Sharing {
  items: number;
  /** Items whose ID another item has too. */
  itemsSharing: number;
}

/** The one figure of IDs: the share of the items whose ID no other item has. */
export const ownShare = ({ items, itemsSharing }: Sharing): number => (items - itemsSharing) / items;

/** "92.2%", and what it says of the items, for a sentence that starts with it. */
export const ownIds = (sharing: Sharing, noun: readonly [one: string, many: string]): [share: string, says: string] => [
  formatShare(ownShare(sharing)),
  ` of the ${plural(sharing.items, ...noun)} have an ID of their own`,
];
