/** Answers for the page's own files from a store that is filled at the first visit. FILES and VERSION are written by the build. */
const FILES = self.__FILES__;
const VERSION = `rqvae-${self.__VERSION__}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      await cache.addAll(FILES);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("rqvae-") && name !== VERSION) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

// The page itself comes from the network while there is one, so that a new version is seen; all else has its version in its name.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  const stored = () => caches.match(request, { ignoreSearch: request.mode === "navigate" });
  if (request.mode === "navigate") {
    event.respondWith(
      fetch(request).catch(async () => (await stored()) ?? (await caches.match("./")) ?? Response.error()),
    );
  } else event.respondWith(stored().then((found) => found ?? fetch(request)));
});
