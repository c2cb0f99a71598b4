/** Which files clang-tidy looks at again: `hashes` of tools/tidy-cpp.mjs. */
import { expect, it } from "vitest";
import { hashes } from "../../../tools/tidy-cpp.mjs";

const TEXTS = {
  "src/numerics/matrix.h": "#include <vector>\n",
  "src/layers/mlp.h": '#include "matrix.h"\n',
  "src/layers/mlp.cpp": '#include <Eigen/Core>\n\n#include "mlp.h"\n',
  "src/model/config.h": "",
  "src/model/config.cpp": '#include "config.h"\n',
};
const hashesOf = (changes: Record<string, string>, otherwise = (_path: string) => "rules") =>
  hashes(new Map(Object.entries({ ...TEXTS, ...changes })), otherwise);
const before = hashesOf({});
const changed = (after: Map<string, string>) =>
  [...after.keys()].filter((path) => after.get(path) !== before.get(path));

it("knows every source, and gives equal ones equal hashes", () => {
  expect([...before.keys()]).toEqual(["src/layers/mlp.cpp", "src/model/config.cpp"]);
  expect(changed(hashesOf({}))).toEqual([]);
});

it.each([
  ["itself", "src/layers/mlp.cpp"],
  ["a header that it includes", "src/layers/mlp.h"],
  ["a header that its header includes", "src/numerics/matrix.h"],
])("looks at a file again after a change of %s, and at no other", (_what, path) => {
  expect(changed(hashesOf({ [path]: `${TEXTS[path as keyof typeof TEXTS]}// changed\n` }))).toEqual([
    "src/layers/mlp.cpp",
  ]);
});

it("looks at all files again after a change of the rules, and at one that is compiled in another way", () => {
  expect(changed(hashesOf({}, () => "other rules"))).toEqual([...before.keys()]);
  expect(changed(hashesOf({}, (path) => (path.endsWith("config.cpp") ? "rules -O3" : "rules")))).toEqual([
    "src/model/config.cpp",
  ]);
});

it("comes to an end where headers include each other", () => {
  expect(changed(hashesOf({ "src/numerics/matrix.h": '#include "mlp.h"\n' }))).toEqual(["src/layers/mlp.cpp"]);
});
