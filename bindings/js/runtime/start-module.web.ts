/**
 * Starts a module worker by `start`, whose literal `new Worker(new URL(path, import.meta.url))` is what bundlers look for. A worker's
 * script must be of the page's own origin, what it imports need not: a script of another origin (a CDN; everything, in a sandboxed frame)
 * is imported by one that is made here.
 */
export function startModule(start: () => Worker, path: string, base: string, name: string): Worker {
  try {
    return start();
  } catch (cause) {
    const script = new URL(path, base);
    // Not location.origin, which does not show that a frame is sandboxed.
    if (typeof Worker === "undefined" || script.origin === globalThis.origin) throw cause;
    const source = `import ${JSON.stringify(script.href)};`;
    // A sandboxed frame may not use blobs for this.
    if (globalThis.origin === "null") {
      return new Worker(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module", name });
    }
    const blob = new Blob([source], { type: "text/javascript" });
    const url = URL.createObjectURL(blob);
    const worker = new Worker(url, { type: "module", name });
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // after it was fetched
    return worker;
  }
}
