/** Names of columns that say who chose what, as the library knows them; enough to recognise a dropped file. */
const USER = /^(user|userid|uid|reviewerid|customerid|customer|visitorid|session|sessionid)$/;
const ITEM =
  /^(items?|itemids?|iid|asin|parentasin|productid|product|movieid|articleid|sku|history|sequence|itemidlist)$/;

/** Whether a file's header or first line names a user and an item. Lines without a header may be anything: they need the button. */
export function looksLikeHistories(bytes: Uint8Array): boolean {
  const [first = ""] = new TextDecoder()
    .decode(bytes)
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/, 1);
  const names = first.startsWith("{")
    ? [...first.matchAll(/"([^"]+)"\s*:/g)].map((match) => match[1]!)
    : first.split(/[\t,;|]/).map((name) => name.replace(/^"|"$/g, "").replace(/:.*$/, ""));
  const plain = names.map((name) => name.replace(/[\s_-]/g, "").toLowerCase());
  return plain.some((name) => USER.test(name)) && plain.some((name) => ITEM.test(name));
}
