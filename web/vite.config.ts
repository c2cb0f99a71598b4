import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** An isolated page: training may use threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The built page runs its own files and nothing else. During development, Vite adds styles and scripts of its own. */
const policy: Plugin = {
  name: "policy",
  apply: "build",
  transformIndexHtml: (html) =>
    html.replace(
      "connect-src 'self';",
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; manifest-src 'self'; connect-src 'self';",
    ),
};

/** The service worker knows every file of the build and changes whenever one of them does. */
const offline: Plugin = {
  name: "offline",
  apply: "build",
  generateBundle(_, bundle) {
    const all = Object.keys(bundle).filter((name) => name !== "index.html");
    const later = all.filter((name) => name.endsWith(".safetensors")); // word vectors: kept once they were used
    const files = all.filter((name) => !later.includes(name));
    const page = bundle["index.html"];
    const version = createHash("sha256")
      .update(all.join())
      .update(page?.type === "asset" ? page.source : "")
      .digest("hex")
      .slice(0, 12);
    const source = readFileSync(here("sw.js"), "utf8")
      .replace("self.__FILES__", JSON.stringify(["./", ...files.map((name) => `./${name}`)]))
      .replace("self.__LATER__", JSON.stringify(later.map((name) => `./${name}`)))
      .replace("self.__VERSION__", JSON.stringify(version));
    this.emitFile({ type: "asset", fileName: "sw.js", source });
  },
};

export default defineConfig({
  root: here("."),
  base: "./",
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the page's security policy allows fetching its own files only, no data: URL
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  plugins: [policy, { ...offline, enforce: "post" }],
  preview: { headers },
  server: {
    headers,
    fs: { allow: [here("..")] }, // the package itself and the sample data are outside web/
  },
});
