import { hook } from "./dom.ts";

/** Keeps the page's own files in the browser, so that the next visit needs no network. Only in built pages. */
export function offerOffline(): void {
  if (import.meta.env.MODE !== "production" || !("serviceWorker" in navigator)) return;
  const note = hook("offline", HTMLParagraphElement);
  navigator.serviceWorker
    .register(new URL("./sw.js", document.baseURI), { type: "module" })
    .then(() => navigator.serviceWorker.ready)
    .then(
      () => {
        note.textContent = "This page now works offline, too.";
      },
      () => {}, // the page works even if the browser or host refuses it
    );
}
