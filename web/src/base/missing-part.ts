/** A script, the WebAssembly or a sample could not be loaded. The message is for the visitor, who can only reload the page. */
export class MissingPart extends Error {
  override readonly name = "MissingPart";

  constructor(message = "A part of this page could not be loaded. Please check your connection and reload the page.") {
    super(message);
  }
}

/** Whether an error is about a part of the page. Engines have no common error name for a module that cannot be imported. */
export const isMissing = ({ name, message }: Error): boolean =>
  ["MissingPart", "WasmLoadError"].includes(name) || (name === "TypeError" && /module/i.test(message));

const OLDER =
  "This tab has an older version of the page, and the server no longer has a part of it. Please reload the page: an interrupted run is kept.";

/** What to say when a part is missing: that a newer version has replaced this page, or else the given message. */
export async function whyMissing(error: Error): Promise<Error> {
  const otherwise = error.name === "TypeError" ? new MissingPart() : error;
  const entry = document.querySelector<HTMLScriptElement>("script[type=module]")!.src.split("/").at(-1)!;
  try {
    // The query keeps the service worker's copy out of it.
    const response = await fetch(`${location.pathname}?version=${Date.now()}`, { cache: "no-store" });
    return response.ok && !(await response.text()).includes(entry) ? new MissingPart(OLDER) : otherwise;
  } catch {
    return otherwise;
  }
}
