/** The codes of errors: each can occur, is explained in the guide, and crosses the boundary of a worker with all that an error carries. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  BusyError,
  type ErrorCode,
  initialize,
  ModelFormatError,
  RQVAE,
  RQVAEError,
  SemanticIdIndex,
  SemanticIds,
  suggestConfig,
} from "rqvae";
import { readItems, writeIds } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";
import { RQVAEWorker } from "rqvae/worker";
import { beforeAll, describe, expect, it } from "vitest";
import { fromSent, toSent } from "../../../bindings/js/worker/sent-error.ts";
import { ERRORS_FILE, errorCodes, withCodeTables } from "../../../tools/errors.mjs";

const ROOT = join(import.meta.dirname, "../../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const sources = readdirSync(join(ROOT, "bindings/js"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith("error-codes.ts"))
  .map((file) => join("bindings/js", file));

const items = Array.from({ length: 30 }, (_, i) => [Math.sin(i), Math.cos(3 * i), Math.sin(i * i)]);
const ids = (rows: number[][], sizes = [4, 4]) => SemanticIds.from(rows, { codebookSizes: sizes });
const bytes = (text: string) => new TextEncoder().encode(text);
const table = (text: string) => readItems(bytes(text), { fileName: "items.csv" });
let model: RQVAE;
beforeAll(async () => {
  model = await RQVAE.fit(items, { epochs: 1, codebookSize: 4, hiddenDims: [8], latentDim: 2 });
});

/** What throws each code. */
const calls: Partial<Record<ErrorCode, () => unknown>> = {
  INVALID_INPUT: () => model.save({ part: "half" as never }),
  OPTION_OUT_OF_RANGE: () => RQVAE.create({ inputDim: 3, codebookSize: 0 }),
  UNKNOWN_OPTION: () => RQVAE.create({ inputDim: 3, codebooks: 4 } as never),
  OPTIONS_CONFLICT: () => RQVAE.create({ inputDim: 3, codebookSize: [4, 4], nQuantizationLayers: 3 }),
  ARRAY_GIVEN_AWAY: () => {
    const given = new Float32Array(3);
    structuredClone(given, { transfer: [given.buffer] });
    return model.encode(given);
  },
  PROXY: () => RQVAE.prototype.encode.call({} as never, items),
  ITEMS_FORM: () => model.encode("items" as never),
  ITEMS_DIMENSION: () => model.encode({ data: new Float32Array(4), rows: 2, dim: 2 }),
  ITEM_NOT_FINITE: () =>
    model.encode([
      [0, 0, 0],
      [0, Number.NaN, 0],
    ]),
  ITEM_NOT_NUMBER: () => model.encode([[0, 0, "1" as never]]),
  ROW_LENGTH: () =>
    model.encode([
      [0, 0, 0],
      [0, 0],
    ]),
  EMPTY: () => model.encode([]),
  SOURCE_READ: () => model.encodeAsync({ rows: 2, dim: 3, read: () => new Float32Array(1) }),
  COUNTS_DIFFER: () =>
    SemanticIdIndex.build(
      ["a"],
      ids([
        [0, 1],
        [1, 1],
      ]),
    ),
  ITEM_ID_INVALID: () => SemanticIdIndex.build([Number.NaN], ids([[0, 1]])),
  ITEM_TWICE: () =>
    SemanticIdIndex.build(
      ["a", "a"],
      ids([
        [0, 1],
        [1, 1],
      ]),
    ),
  NOT_INITIALIZED: async () => (await RQVAE.create({ inputDim: 3 })).encode(items),
  BUSY: async () => {
    const own = await RQVAE.create({ inputDim: 3, codebookSize: 4 });
    const first = own.train(items, { epochs: 1 });
    await Promise.all([first, own.train(items)]);
  },
  DISPOSED: async () => {
    const own = await RQVAE.load(model.save());
    own.dispose();
    return own.encode(items);
  },
  DIVERGED: async () => {
    const own = await RQVAE.create({ inputDim: 3, codebookSize: 4 });
    await own.train(items, { optimizer: "sgd", learningRate: 1e6, epochs: 50 });
  },
  NO_TRAINING: async () => (await RQVAE.load(model.save())).select("loss"),
  NO_DECODER: async () => (await RQVAE.load(model.save({ part: "encoder" }))).reconstruct(items),
  CHECKPOINT_MISMATCH: async () => {
    const own = await RQVAE.create({ inputDim: 3, codebookSize: 4 });
    await own.train(items, { resume: model.save() });
  },
  OTHER_MODEL: () =>
    model.decode(SemanticIds.from([[0, 0, 0]], { codebookSizes: [4, 4, 4], fingerprint: "0".repeat(16) })),
  OTHER_CODEBOOKS: () => model.decode(ids([[0, 0]])),
  MODEL_NEEDED: () => SemanticIdIndex.build(["a"], ids([[0, 1]]), { collisions: "reassign" }),
  CODE_OUT_OF_RANGE: () =>
    ids([
      [0, 1],
      [0, 4],
    ]),
  TOKEN_UNEXPECTED: () => new Vocabulary([4, 4]).parse("<a_1><c_1>"),
  UNKNOWN_PREFIX: () => SemanticIdIndex.build(["a"], ids([[0, 1]])).allowedNext([3]),
  UNKNOWN_ITEM: () => SemanticIdIndex.build(["a"], ids([[0, 1]])).remove(["b"]),
  ITEM_MOVED: () => SemanticIdIndex.build(["a"], ids([[0, 1]])).add(["a"], ids([[0, 2]])),
  TOO_FEW_CODES: () =>
    SemanticIdIndex.build(
      ["a", "b", "c"],
      ids([
        [0, 1],
        [0, 1],
        [0, 1],
      ]),
      { collisions: "suffix", capacity: 2 },
    ),
  INDEX_COMPACT: async () => {
    const whole = SemanticIdIndex.build(["a"], ids([[0, 1]]));
    (await SemanticIdIndex.load(whole.save({ compact: true }))).add(["b"], ids([[0, 2]]));
  },
  FILE_UNREADABLE: () => RQVAE.load("no-such-folder/model.safetensors"),
  FILE_DAMAGED: () => RQVAE.load(model.save().subarray(0, 1000)),
  FILE_FOREIGN: () => RQVAE.load(bytes("<!doctype html>".repeat(10))),
  FILE_CONTENT: () => readItems(bytes('{"a": 1}'), { fileName: "items.json" }),
  NOT_JSON: () => readItems(bytes('[{"id": 1, "embedding": [0.1, 0.2]'), { fileName: "items.json" }),
  COLUMN_MISSING: () => readItems(bytes("id,a,b\nx,1,2\n"), { fileName: "items.csv", embedding: "vector" }),
  COLUMN_UNCLEAR: () => readItems(bytes('[{"id":1,"a":[0.1,0.2],"b":[0.3,0.4]}]'), { fileName: "items.json" }),
  ROWS_ALL_INVALID: () =>
    readItems(bytes('[{"id":"a","embedding":[1,null]},{"id":"b","embedding":[null,1]}]'), { skipInvalid: true }),
  NOT_UTF8: () => readItems(new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]), { fileName: "items.json" }),
  FORMAT_CANNOT_HOLD: () => [...(writeIds("recbole", { ids: ids([[0, 1]]), itemIds: ["a\tb"] }) as Iterable<unknown>)],
  NOT_SENDABLE: async () => {
    await using worker = await RQVAEWorker.create({ inputDim: 3 });
    await worker.encode({ data: new Float32Array(3), rows: 1, dim: (() => 3) as never });
  },
  WASM_ALREADY_LOADED: () => initialize({ threads: 7 }),
  WORKER: async () => {
    const worker = await RQVAEWorker.create({ inputDim: 3 });
    await worker.dispose();
    await worker.encode(items);
  },
};

/** What needs more than a call: the test that has it. */
const elsewhere: Partial<Record<ErrorCode, string>> = {
  ITEM_TOO_LARGE: "tests/js/surface/bad-input.test.ts",
  FILE_NEWER: "tests/js/model-file/model-file.test.ts",
  FILE_TOO_LARGE: "tests/js/formats/hostile-files.test.ts",
  TYPE_UNSUPPORTED: "tests/js/formats/formats.test.ts",
  DECOMPRESSION_MISSING: "tests/js/formats/parquet.test.ts",
  STATE_DICT_UNSUPPORTED: "tests/js/model-file/state-dict.test.ts",
  NUMERICS_DIFFER: "tests/js/model-file/model-file.test.ts",
  MODEL_FORMAT: "tests/js/model-file/model-file.test.ts",
  OUT_OF_MEMORY: "tests/js/surface/bad-input.test.ts",
  WASM_LOAD: "tests/js/runtime/load.test.ts",
  WASM_OTHER_VERSION: "tests/js/runtime/load.test.ts",
  INDEX_CHANGED: "tests/js/index/id-filter.test.ts",
  WASM_FAILED: "tests/js/runtime/guard.test.ts",
  WORKER_NOT_STARTED: "tests/js/worker/worker.test.ts",
  RQVAE: "tests/js/runtime/guard.test.ts",
};

const caught = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

describe("each code", () => {
  it.each(Object.entries(calls))("%s is thrown", async (code, call) => {
    const error = await caught(call);
    expect(error).toBeInstanceOf(RQVAEError);
    expect([(error as RQVAEError).code, (error as RQVAEError).message]).toEqual([code, expect.any(String)]);
  });

  it("is listed here, or is that of a class or of a throw site", () => {
    const all = errorCodes().map(({ code }) => code);
    expect(Object.keys({ ...calls, ...elsewhere }).sort()).toEqual(all.sort());
    const text = sources.map(read).join("\n");
    const ofClasses = [...text.matchAll(/readonly name(?:: \w+)? = "(\w+)Error"/g)].map(([, name]) =>
      name!.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase(),
    );
    expect(all.filter((code) => !ofClasses.includes(code) && !text.includes(`"${code}"`))).toEqual([]);
  });

  it("stands in the guide: after a change, node tools/errors.mjs --write", () => {
    expect(withCodeTables(read(ERRORS_FILE))).toBe(read(ERRORS_FILE));
  });
});

describe("the fields of an error", () => {
  it("are those that its message names", async () => {
    const error = (await caught(calls.ITEM_NOT_FINITE!)) as RQVAEError;
    expect(error).toMatchObject({ code: "ITEM_NOT_FINITE", argument: "items", row: 1, column: 1 });
    expect(error.reason).toBe("items: row 1, column 1 is NaN");
    expect(error.hint).toBe("every value must be a finite number");
    expect(error.message).toBe("items: row 1, column 1 is NaN; every value must be a finite number");
    const option = (await caught(() => suggestConfig({ n: 0, inputDim: 3 }))) as RQVAEError;
    expect(option).toMatchObject({ code: "OPTION_OUT_OF_RANGE", argument: "n" });
    expect(option).not.toHaveProperty("row", expect.anything());
    const unknown = (await caught(calls.UNKNOWN_OPTION!)) as RQVAEError;
    expect(unknown.argument).toBe("codebooks");
    const code = (await caught(calls.CODE_OUT_OF_RANGE!)) as RQVAEError;
    expect(code).toMatchObject({ row: 1, level: 1 });
  });

  it("tell the row of a file, and the file", async () => {
    const error = (await caught(() => table("id,a,b\nx,0.1,0.2\ny,0.3,z\n"))) as RQVAEError;
    expect(error).toMatchObject({ code: "ITEM_NOT_NUMBER", row: 1, column: 2 });
    expect(error.wording[0]).toEqual({ file: "items.csv" });
    expect(error.message.startsWith("items.csv: row 1 (line 3), column 2")).toBe(true);
  });

  it("cross the boundary of a worker, with the class and the cause", async () => {
    await using worker = await RQVAEWorker.load(model.save());
    const rows = [
      [0, 0, 0],
      [0, 0, Number.POSITIVE_INFINITY],
    ];
    const there = (await caught(() => worker.encodeAsync(rows))) as RQVAEError;
    const here = (await caught(() => model.encodeAsync(rows))) as RQVAEError;
    expect(there).toBeInstanceOf(Object.getPrototypeOf(here).constructor);
    for (const key of ["name", "code", "message", "argument", "row", "column", "reason", "hint"] as const) {
      expect(there[key], key).toBe(here[key]);
    }
    const platform = Object.assign(new Error("no such file", { cause: new RangeError("too far") }), { code: "ENOENT" });
    const inner = new ModelFormatError("damaged", { code: "FILE_DAMAGED", cause: platform });
    const back = fromSent(structuredClone(toSent(new BusyError("busy", { cause: inner }))));
    expect(back).toBeInstanceOf(BusyError);
    expect(back.cause).toBeInstanceOf(ModelFormatError);
    expect(back.cause).toMatchObject({ code: "FILE_DAMAGED", message: "damaged" });
    expect((back.cause as Error).cause).toMatchObject({ code: "ENOENT", message: "no such file" });
    expect(((back.cause as Error).cause as Error).cause).toMatchObject({ name: "RangeError", message: "too far" });
  });
});

/**
 * What looks into a message, and why it may: it is the platform's, which has nothing else, or only its last mark is mended. Everything of
 * the library's own has a code and fields.
 */
const FOREIGN: Record<string, string> = {
  "bindings/js/base/reason.ts": "the platform's: the full stop at its end",
  "bindings/js/runtime/load.ts": "engines say only in words that there was no memory",
  "bindings/js/formats/items/read-items.ts": "engines say only in words that there was no memory",
  "bindings/js/formats/io/byte-source.ts": "the platform's: the full stop at its end",
  "bindings/js/cli/files.ts": "the platform's errors have the path in their sentence only",
  "bindings/js/cli/main.ts": "any message on one line",
  "web/src/base/missing-part.ts": "engines have no name for a module that cannot be imported",
};

const LOOKS = `(?:replace(?:All)?|match(?:All)?|startsWith|endsWith|includes|split|indexOf|search|slice|substring)`;
/** A message that is searched, changed or compared. */
const PARSES = new RegExp(
  [
    String.raw`\bmessage(?:Of\(\w+\))?\s*\??\.\s*${LOOKS}\(`,
    String.raw`\.(?:test|exec)\(\s*(?:\w+\.)*message\b`,
    String.raw`(?<!typeof [\w.]*)\.message\s*[!=]==?\s*["'\x60/]`,
    String.raw`\.test\(message\(`,
  ].join("|"),
);

describe("messages", () => {
  const programs = ["bindings/js", "web/src", "examples"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|js|mjs|tsx|jsx)$/.test(file) && !/node_modules|\.d\.ts$|(^|\/)dist\//.test(file))
      .map((file) => join(folder, file)),
  );

  it("are read by nobody", () => {
    expect(programs.length).toBeGreaterThan(250);
    expect(programs.filter((file) => PARSES.test(read(file)) && !(file in FOREIGN))).toEqual([]);
  });

  it("would be found if they were", () => {
    for (const bad of [
      'error.message.replace("a", "b")',
      "if (/x/.test(error.message)) return;",
      'error.message === "busy"',
      "messageOf(error).startsWith(name)",
      "(error as Error).message.split(' ')",
    ]) {
      expect(PARSES.test(bad), bad).toBe(true);
    }
  });

  it("are excepted only where there is one", () => {
    for (const file of Object.keys(FOREIGN)) expect(PARSES.test(read(file)), file).toBe(true);
  });
});
