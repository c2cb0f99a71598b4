/** The exported signatures are the reviewed ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { API_FILE, exportedSignatures } from "../../tools/api.mjs";
import { ROOT } from "./project.ts";

it("the exported signatures are those of docs/api.txt: after a change that is meant, node tools/api.mjs --write", () => {
  const now = exportedSignatures();
  // Names of every entry, and nothing that is private.
  for (const name of ["class RQVAE ", "class RQVAEWorker ", "function readItems(", "function reportHtml("]) {
    expect(now).toContain(name);
  }
  expect(now).not.toMatch(/#private|@internal/);
  expect(now).toBe(readFileSync(join(ROOT, API_FILE), "utf8"));
});
