/**
 * Serves the page's own files from a store that is filled at the first visit. The build writes FILES and VERSION.
 * A host may have other copies of the page at other paths; each uses only the stores of its own scope. After a deployment the new
 * version waits until all tabs of the old one are closed, since the server no longer has the old version's files.
 */
const FILES = self.__FILES__;
/** Large files that not every visitor needs: kept from their first use on. */
const LATER = self.__LATER__.map((file) => new URL(file, self.registration.scope).href);
const { scope } = self.registration;
const PREFIX = `rqvae ${scope} `;
const VERSION = `${PREFIX}${self.__VERSION__}`;
/** Stores of earlier versions do not name their owner; the page in them tells. */
const isOwn = async (name) =>
  name.startsWith(PREFIX) ||
  (/^rqvae-[0-9a-f]{12}$/.test(name) && (await (await caches.open(name)).match(scope)) !== undefined);

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      // Fetch the page from the server rather than the browser's cache, so that all files are of one version.
      await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      await takeOver();
      for (const name of await caches.keys()) {
        if (name !== VERSION && (await isOwn(name))) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

/** What an earlier version kept of the large files, whose names change with their content. */
async function takeOver() {
  const cache = await caches.open(VERSION);
  for (const file of LATER) {
    const found = (await cache.match(file)) ? undefined : await stored(file);
    if (found) await cache.put(file, found);
  }
}

/** A large file from the server, kept for the next time if there is room; the page need not wait for that. */
async function fetchLater(event) {
  const response = await fetch(event.request);
  if (response.ok) {
    const copy = response.clone();
    event.waitUntil(
      caches
        .open(VERSION)
        .then((cache) => cache.put(event.request, copy))
        .catch(() => {}),
    );
  }
  return response;
}

/** From this version's store, or else from those of other versions: a tab may belong to a version that waits. */
async function stored(request) {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== VERSION);
  for (const name of [VERSION, ...names]) {
    const found = await caches.match(request, { cacheName: name });
    if (found) return found;
  }
  return undefined;
}

// The page itself comes from the network if there is one, so that a new version is seen. Every other file has its version in its name.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(scope)) return;
  if (request.mode !== "navigate") {
    const missing = () => (LATER.includes(request.url) ? fetchLater(event) : fetch(request));
    event.respondWith(stored(request).then((found) => found ?? missing()));
  } else if (/^(index\.html)?([?#]|$)/.test(request.url.slice(scope.length))) {
    event.respondWith(fetch(request).catch(async () => (await stored(scope)) ?? Response.error()));
  }
});
