/**
 * Answers for the page's own files from a store that is filled at the first visit. FILES and VERSION are written by the build.
 *
 * A host may have other copies of the page, below other paths: each keeps to the stores of its own scope. After a deployment the new
 * version waits until no tab of the old one is left, since the server has the old one's files no more.
 */
const FILES = self.__FILES__;
const { scope } = self.registration;
const PREFIX = `rqvae ${scope} `;
const VERSION = `${PREFIX}${self.__VERSION__}`;
/** Versions before this naming had stores that do not say whose they are: by the page in them. */
const isOwn = async (name) =>
  name.startsWith(PREFIX) ||
  (/^rqvae-[0-9a-f]{12}$/.test(name) && (await (await caches.open(name)).match(scope)) !== undefined);

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      // The page from the server, not as the browser remembers it: all of one version.
      await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name !== VERSION && (await isOwn(name))) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

/** From this version's store; else from those of other versions: a tab may be of the one that waits. */
async function stored(request) {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== VERSION);
  for (const name of [VERSION, ...names]) {
    const found = await caches.match(request, { cacheName: name });
    if (found) return found;
  }
  return undefined;
}

// The page itself comes from the network while there is one, so that a new version is seen; all else has its version in its name.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(scope)) return;
  if (request.mode !== "navigate") {
    event.respondWith(stored(request).then((found) => found ?? fetch(request)));
  } else if (/^(index\.html)?([?#]|$)/.test(request.url.slice(scope.length))) {
    event.respondWith(fetch(request).catch(async () => (await stored(scope)) ?? Response.error()));
  }
});
