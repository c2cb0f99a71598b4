import { onSettings, setView, typedFields, typeFields, view } from "./options-form.ts";

/**
 * The page's address holds what was chosen, so that a run can be shared and a reload goes on where it was:
 * `#data=emoji&epochs=20&view=expert&result=mf1&branch=17.4&item=563`. Changes of settings replace the address; what the visitor goes back
 * to has an entry of its own in the browser's history.
 */

/** What an address says beside the settings. */
export interface Linked {
  /** The sample. */
  data: string | undefined;
  /** A result that this browser keeps. */
  result: string | undefined;
  /** Whether to train at once. */
  train: boolean;
  /** The place in the result, and the view of it. */
  place: URLSearchParams;
}

const OWN = ["data", "result", "train", "view"];
let placeNames: readonly string[] = [];

let sampleKey: string | undefined;
let resultKey: string | undefined;
let place = new URLSearchParams();

/** Reads the address. Its settings are filled into the form unless `isPlaceOnly`. */
export function readLink(names: readonly string[], isPlaceOnly = false): Linked {
  placeNames = names;
  const link = new URLSearchParams(location.hash.slice(1));
  const linked: Linked = {
    data: link.get("data") ?? undefined,
    result: link.get("result") ?? undefined,
    train: link.has("train") && link.get("train") !== "0",
    place: new URLSearchParams([...link].filter(([name]) => names.includes(name))),
  };
  if (isPlaceOnly) return linked;
  followLink(linked);
  if (link.get("view") === "expert") setView("expert");
  typeFields([...link].filter(([name]) => !OWN.includes(name) && !placeNames.includes(name)));
  return linked;
}

/** The page shows what the address says, or is about to: what is written into it from now on begins there. */
export function followLink(linked: Pick<Linked, "data" | "result" | "place">): void {
  ({ data: sampleKey, result: resultKey, place } = linked);
}

/** Puts into the address what is shown; `how` says whether the browser's Back leads to what it said before. */
export function setLinked(
  shown: { data?: string | undefined; result?: string | undefined; place: URLSearchParams },
  how: "push" | "replace",
): void {
  followLink({ data: shown.data, result: shown.result, place: shown.place });
  write(how);
}

/** The address as a link for others, which trains when it is opened if it can. */
export function linkToShare(fields: readonly [name: string, text: string][], seed: string): string {
  const link = new URLSearchParams();
  if (sampleKey) link.set("data", sampleKey);
  for (const [name, text] of fields) link.set(name, text);
  if (!link.has("seed")) link.set("seed", seed);
  for (const [name, text] of place) link.set(name, text);
  if (sampleKey) link.set("train", "1");
  return `${location.origin}${location.pathname}#${link}`;
}

function write(how: "push" | "replace" = "replace"): void {
  clearTimeout(timer);
  const link = new URLSearchParams();
  if (sampleKey) link.set("data", sampleKey);
  for (const [name, text] of typedFields()) link.set(name, text);
  if (view() === "expert") link.set("view", "expert");
  if (resultKey) link.set("result", resultKey);
  for (const [name, text] of place) link.set(name, text);
  const text = link.toString();
  const address = text === "" ? location.pathname + location.search : `#${text}`;
  if (text === location.hash.slice(1)) return;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** Browsers limit how often an address may change. */
const SETTLED_MS = 150;
let timer: ReturnType<typeof setTimeout> | undefined;

onSettings(() => {
  clearTimeout(timer);
  timer = setTimeout(write, SETTLED_MS);
});
