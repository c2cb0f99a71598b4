/**
 * Starts a module worker by `start`, whose literal `new Worker(new URL(path, import.meta.url))` is what bundlers look for. A worker's
 * script must be of the page's own origin, what it imports need not: a script of another origin (a CDN) is imported by one that is made
 * here.
 */
export function startModule(start: () => Worker, path: string, base: string, name: string): Worker {
  try {
    return start();
  } catch (cause) {
    const script = new URL(path, base);
    if (script.origin === location.origin) throw cause;
    const blob = new Blob([`import ${JSON.stringify(script.href)};`], { type: "text/javascript" });
    const url = URL.createObjectURL(blob);
    const worker = new Worker(url, { type: "module", name });
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // after it was fetched
    return worker;
  }
}
