import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** An isolated page: training may use threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
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
  preview: { headers },
  server: {
    headers,
    fs: { allow: [here("..")] }, // the package itself and the sample data are outside web/
  },
});
