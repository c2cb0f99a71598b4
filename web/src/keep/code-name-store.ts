import { PAGE_FOLDER } from "../base/page-folder.ts";

/** Names that a visitor gave to codes, by a key of the code. */
export type GivenNames = Record<string, string>;

interface Entry {
  savedAt: number;
  names: GivenNames;
}

const KEY = `rqvae-names ${PAGE_FOLDER}`;
/** The most models whose names are kept; the oldest go first. */
const MOST_MODELS = 20;

/** The names that were given to the codes of a model, by its fingerprint. A browser that keeps nothing has none. */
export function readNames(fingerprint: string): GivenNames {
  return readAll()[fingerprint]?.names ?? {};
}

/** Keeps the names of a model. False if the browser refuses. */
export function keepNames(fingerprint: string, names: GivenNames): boolean {
  const { [fingerprint]: _, ...others } = readAll();
  const kept = Object.entries(others).sort(([, a], [, b]) => b.savedAt - a.savedAt);
  const own: [string, Entry][] = Object.keys(names).length > 0 ? [[fingerprint, { savedAt: Date.now(), names }]] : [];
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries([...own, ...kept].slice(0, MOST_MODELS))));
    return true;
  } catch {
    return false; // private windows and full stores
  }
}

function readAll(): Record<string, Entry> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return stored && typeof stored === "object" ? (stored as Record<string, Entry>) : {};
  } catch {
    return {};
  }
}
