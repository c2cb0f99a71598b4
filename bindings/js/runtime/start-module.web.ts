/**
 * Starts a module worker with `start`, whose literal `new Worker(new URL(path, import.meta.url))` bundlers look for. A worker's script must
 * be of the page's own origin, but its imports need not be. A script of another origin (a CDN, or anything in a sandboxed frame) is
 * therefore imported by one that is made here.
 */
export function startModule(start: () => Worker, path: string, base: string, name: string): Worker {
  try {
    return start();
  } catch (cause) {
    const script = new URL(path, base);
    // Not location.origin, which does not show whether a frame is sandboxed.
    if (typeof Worker === "undefined" || script.origin === globalThis.origin) throw cause;
    const source = `import ${JSON.stringify(script.href)};`;
    // A sandboxed frame may not use blobs for this.
    if (globalThis.origin === "null") {
      return new Worker(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module", name });
    }
    const blob = new Blob([source], { type: "text/javascript" });
    const url = URL.createObjectURL(blob);
    const worker = new Worker(url, { type: "module", name });
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // after it has been fetched
    return worker;
  }
}
