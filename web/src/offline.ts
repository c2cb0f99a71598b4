import { hook } from "./dom.ts";

/** Keeps the page's own files in the browser, so that the next visit needs no network. Built pages only. */
export function offerOffline(): void {
  if (import.meta.env.MODE !== "production" || !("serviceWorker" in navigator)) return;
  const note = hook("offline", HTMLParagraphElement);
  navigator.serviceWorker
    .register(new URL("./sw.js", document.baseURI), { type: "module" })
    .then(() => navigator.serviceWorker.ready)
    .then(
      () => {
        note.textContent = "This page now works without a network, too.";
      },
      () => {}, // a browser or host that refuses it: the page works all the same
    );
}
