import { onSettings, setView, typedFields, typeFields, view } from "./options-form.ts";

/** The page's link holds what was chosen, so that a run can be shared: `#data=emoji&epochs=20&view=expert`. */

let sampleKey: string | undefined;

/** Fills in the form from the link and returns the sample that it names. */
export function readLink(): string | undefined {
  const link = new URLSearchParams(location.hash.slice(1));
  const data = link.get("data") ?? undefined;
  if (link.get("view") === "expert") setView("expert");
  link.delete("data");
  link.delete("view");
  typeFields(link);
  return data;
}

export function setLinkedSample(key: string | undefined): void {
  sampleKey = key;
  write();
}

function write(): void {
  const link = new URLSearchParams();
  if (sampleKey) link.set("data", sampleKey);
  for (const [name, text] of typedFields()) link.set(name, text);
  if (view() === "expert") link.set("view", "expert");
  const text = link.toString();
  history.replaceState(null, "", text === "" ? location.pathname + location.search : `#${text}`);
}

/** Browsers limit how often an address may change. */
const SETTLED_MS = 150;
let timer: ReturnType<typeof setTimeout> | undefined;

onSettings(() => {
  clearTimeout(timer);
  timer = setTimeout(write, SETTLED_MS);
});
