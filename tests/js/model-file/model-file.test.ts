import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ModelFormatError, RQVAE, type SemanticIds } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue, sameBits, small } from "../support/catalogue.ts";

const fixtures = new URL("../../fixtures/", import.meta.url);
const items = catalogue(300, 20);
let model: RQVAE;
let bytes: Uint8Array;
beforeAll(async () => {
  model = await RQVAE.create({ inputDim: 20, ...small, seed: 11 });
  await model.train(items, { epochs: 2 });
  bytes = model.save();
});
afterAll(() => model.dispose());

/** Header and data of a safetensors file. */
function open(file: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return {
    header: JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))),
    data: file.subarray(8 + length),
  };
}

function close(header: Record<string, unknown>, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** The file with its metadata changed. */
function withMetadata(change: (metadata: Record<string, unknown>) => void): Uint8Array {
  const { header, data } = open(bytes);
  const all = header.__metadata__ as { rqvae: string };
  const metadata = JSON.parse(all.rqvae);
  change(metadata);
  all.rqvae = JSON.stringify(metadata);
  return close(header, data);
}

describe("save and load", () => {
  it("round trips to the same bytes, IDs and config", async () => {
    using loaded = await RQVAE.load(bytes);
    expect(sameBits(loaded.save(), bytes)).toBe(true);
    expect(sameBits(loaded.encode(items).codes, model.encode(items).codes)).toBe(true);
    expect(loaded.config).toEqual(model.config);
    expect(loaded.fingerprint).toBe(model.fingerprint);
  });

  it("names options in the file as every release did, in the same order", () => {
    const { __metadata__ } = open(bytes).header as { __metadata__: { rqvae: string } };
    expect(Object.keys(JSON.parse(__metadata__.rqvae).config).join(" ")).toBe(
      "inputDim latentDim hiddenDims codebookSizes nQuantizationLayers codebookKmeansInit codebookRefine commitmentWeight codebookWeight reconstructionWeight reconstruction activation layerNorm inputScaling inputNoise linearSkip codebookGradient codebookUpdate emaDecay gradientEstimator codebookSimVq sinkhornEpsilon sinkhornIterations encodeBeam compat seed",
    );
  });

  it("says in a file that the first code has a weight, and nothing where it has none", async () => {
    const metadataOf = (file: Uint8Array) =>
      JSON.parse((open(file).header as { __metadata__: { rqvae: string } }).__metadata__.rqvae);
    const all: Record<string, { requires: string[]; config: object; file: Uint8Array }> = {};
    for (const [name, config] of Object.entries({
      greedy: {},
      greedyWeighted: { firstCodeWeight: 1 },
      beam: { encodeBeam: 8 },
      weighted: { encodeBeam: 8, firstCodeWeight: 1 },
      heavier: { encodeBeam: 8, firstCodeWeight: 1e6 },
    })) {
      using own = await RQVAE.load(bytes, { config });
      using again = await RQVAE.load(own.save());
      expect(again.config).toEqual({ ...model.config, ...config });
      expect(again.fingerprint).toBe(own.fingerprint);
      expect(sameBits(again.encode(items).codes, own.encode(items).codes)).toBe(true);
      expect(sameBits(again.save(), own.save())).toBe(true);
      all[name] = { ...metadataOf(own.save()), file: own.save() };
    }
    const field = (name: string) => Object.entries(all).map(([which, metadata]) => [which, (metadata as never)[name]]);
    expect(Object.fromEntries(field("requires"))).toEqual({
      greedy: [],
      // Whoever does not know the option could not read it.
      greedyWeighted: ["firstCodeWeight"],
      beam: ["encodeBeam"],
      weighted: ["encodeBeam", "firstCodeWeight"],
      heavier: ["encodeBeam", "firstCodeWeight"],
    });
    expect(field("config").map(([, config]) => (config as { firstCodeWeight?: number }).firstCodeWeight)).toEqual([
      undefined,
      1,
      undefined,
      1,
      1e6,
    ]);
    // Without a beam it changes no ID.
    const { greedy, greedyWeighted, ...others } = Object.fromEntries(field("fingerprint"));
    expect(greedy).toBe(greedyWeighted);
    expect(new Set([greedy, ...Object.values(others)]).size).toBe(4);
    // The first codes of a large weight are those of the greedy search.
    using heavy = await RQVAE.load(all.heavier!.file);
    const first = (ids: SemanticIds) => [...ids.codes].filter((_, i) => i % ids.levels === 0);
    expect(first(heavy.encode(items))).toEqual(first(model.encode(items)));
    using free = await RQVAE.load(all.beam!.file);
    expect(first(free.encode(items))).not.toEqual(first(model.encode(items)));
  });

  it("takes every kind of source", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rqvae file % "));
    const path = join(folder, "a model.safetensors");
    writeFileSync(path, bytes);
    const offset = new Uint8Array(bytes.length + 5);
    offset.set(bytes, 5);
    for (const source of [
      bytes,
      offset.subarray(5),
      bytes.slice().buffer,
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      new Blob([bytes as BlobPart]),
      new Response(bytes as BodyInit),
    ]) {
      using loaded = await RQVAE.load(source as Uint8Array);
      expect(loaded.fingerprint).toBe(model.fingerprint);
    }
    rmSync(folder, { recursive: true });
    await expect(RQVAE.load(path)).rejects.toThrow(/could not read the file .*a model.safetensors/);
    await expect(RQVAE.load(42 as never)).rejects.toThrow(
      /expected bytes, a URL, a path, a Blob or a Response, received 42/,
    );
    await expect(RQVAE.load(new Response("gone", { status: 404 }))).rejects.toThrow(/HTTP 404/);
  });

  it("reads its own weights saved again without the metadata, and half floats", async () => {
    const { header, data } = open(bytes);
    delete header.__metadata__;
    using bare = await RQVAE.load(close(header, data));
    expect(bare.fingerprint).toBe(model.fingerprint);
    // 1, -2, 2^-24, 0.333251953125 as halves in the first bias.
    using fresh = await RQVAE.create({ inputDim: 4, latentDim: 2, hiddenDims: [4], codebookSize: 2 });
    const { header: small16, data: data16 } = open(fresh.save());
    delete small16.__metadata__;
    const entry = small16["encoder.network.0.bias"] as { dtype: string; data_offsets: [number, number] };
    const [begin, end] = entry.data_offsets;
    entry.dtype = "F16";
    entry.data_offsets = [begin, begin + 8];
    const shorter = new Uint8Array(data16.length - 8);
    shorter.set(data16.subarray(0, begin));
    shorter.set(new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x3555).buffer), begin);
    shorter.set(data16.subarray(end), begin + 8);
    for (const other of Object.values(small16) as { data_offsets: [number, number] }[]) {
      if (other !== entry && other.data_offsets[0] >= end)
        other.data_offsets = [other.data_offsets[0] - 8, other.data_offsets[1] - 8];
    }
    using half = await RQVAE.load(close(small16, shorter));
    const saved = open(half.save());
    const [at] = (saved.header["encoder.network.0.bias"] as { data_offsets: [number, number] }).data_offsets;
    const view = new DataView(saved.data.buffer, saved.data.byteOffset + at);
    expect([0, 4, 8, 12].map((i) => view.getFloat32(i, true))).toEqual([1, -2, 2 ** -24, 0.333251953125]);
  });

  it("forgets its training once the weights change otherwise", async () => {
    using own = await RQVAE.load(bytes);
    const training = (file: Uint8Array) =>
      JSON.parse((open(file).header.__metadata__ as { rqvae: string }).rqvae).training;
    expect(training(own.save())).toMatchObject({ items: 300, epochs: 2 });
    await own.kmeansInitCodebooks(items);
    expect(training(own.save())).toBe(null);
    expect(own.history).toBe(undefined);
    using again = await RQVAE.load(own.save());
    expect(again.fingerprint).toBe(own.fingerprint);
  });

  it("keeps an uninitialised model uninitialised", async () => {
    using fresh = await RQVAE.create({ inputDim: 20, ...small });
    using loaded = await RQVAE.load(fresh.save());
    expect(loaded.initialized).toBe(false);
    expect(() => loaded.encode(items)).toThrow(/neither been trained/);
  });

  it("has the reference's tensor names, float32, and nothing of the host", () => {
    const { header } = open(bytes);
    expect(Object.keys(header)).toEqual([
      "__metadata__",
      "input.mean",
      "input.scale",
      "encoder.network.0.weight",
      "encoder.network.0.bias",
      "encoder.network.2.weight",
      "encoder.network.2.bias",
      "encoder.skip.weight",
      "encoder.skip.bias",
      "quantization_layers.0.embedding.weight",
      "quantization_layers.1.embedding.weight",
      "quantization_layers.2.embedding.weight",
      "decoder.network.0.weight",
      "decoder.network.0.bias",
      "decoder.network.2.weight",
      "decoder.network.2.bias",
      "decoder.skip.weight",
      "decoder.skip.bias",
    ]);
    const metadata = JSON.parse((header.__metadata__ as { rqvae: string }).rqvae);
    expect(Object.keys(metadata)).toEqual([
      "format",
      "numerics",
      "requires",
      "part",
      "config",
      "initialized",
      "training",
      "version",
      "data",
      "fingerprint",
      "checksum",
    ]);
    expect(metadata.config.seed).toBe(11);
  });
});

describe("files that are not right", () => {
  const refused = async (file: Uint8Array, message: RegExp) => {
    await expect(RQVAE.load(file)).rejects.toThrow(message);
    await expect(RQVAE.load(file)).rejects.toBeInstanceOf(ModelFormatError);
  };

  it("truncated anywhere", async () => {
    const cuts = [0, 1, 7, 8, 9, 100, 1000, 2000, bytes.length - 4, bytes.length - 1];
    for (const cut of cuts)
      await expect(RQVAE.load(bytes.subarray(0, cut)), `${cut} bytes`).rejects.toBeInstanceOf(ModelFormatError);
    await refused(bytes.subarray(0, bytes.length - 1), /truncated/);
    await refused(new Uint8Array(0), /0 bytes/);
  });

  it("with any bit flipped", async () => {
    for (let i = 0; i < bytes.length; i += i < 3000 ? 7 : 101) {
      const damaged = bytes.slice();
      damaged[i]! ^= 1 << (i % 8);
      await expect(RQVAE.load(damaged), `byte ${i}`).rejects.toBeInstanceOf(ModelFormatError);
    }
  });

  it("with something appended", async () => {
    const longer = new Uint8Array(bytes.length + 8);
    longer.set(bytes);
    await refused(longer, /damaged/);
  });

  it("of a newer format, with unknown features, or of other numerics", async () => {
    await refused(
      withMetadata((m) => (m.format = 2)),
      /has format 2; this release of rqvae reads up to format 1: update the package/,
    );
    await refused(
      withMetadata((m) => (m.requires = ["rotation"])),
      /requires "rotation", which this release of rqvae does not know/,
    );
    await refused(
      withMetadata((m) => (m.config = null)),
      /config must be an object, received null/,
    );
    await refused(
      withMetadata((m) => (m.part = "left")),
      /part/,
    );
    await refused(
      withMetadata((m) => (m.seed = 1)),
      /checksum/,
    );
  });

  it("foreign", async () => {
    await refused(new TextEncoder().encode("<!doctype html><title>Not found</title>"), /HTML/);
    await refused(new TextEncoder().encode("PK\u0003\u0004 and so on and on"), /zip archive.*save_file/);
    await refused(new Uint8Array([0x93, ..."NUMPY".split("").map((c) => c.charCodeAt(0)), 1, 0, 0, 0]), /NumPy array/);
    await refused(new Uint8Array(100), /not a safetensors model file: it begins with 00 00/);
    await refused(
      close({ weight: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /neither an rqvae model nor a state_dict.*"weight"/,
    );
    await refused(close({ a: { dtype: "C64", shape: [1], data_offsets: [0, 8] } }, new Uint8Array(8)), /dtype "C64"/);
    await refused(
      close({ a: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, new Uint8Array(8)),
      /neither an rqvae model.*it holds "a"/,
    );
    await refused(
      close({ a: { dtype: "I64", shape: [2], data_offsets: [0, 8] } }, new Uint8Array(8)),
      /takes 16 bytes, not 8/,
    );
    await refused(
      close({ a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } }, new Uint8Array(8)),
      /takes 12 bytes, not 8/,
    );
    await refused(
      close({ a: { dtype: "F32", shape: [1], data_offsets: [4, 8] } }, new Uint8Array(8)),
      /begins at byte 4/,
    );
    await refused(
      close({ a: null }, new Uint8Array(0)),
      /"a" is no safetensors entry: it must be an object, received null/,
    );
    const huge = bytes.slice();
    new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true);
    await refused(huge, /not a safetensors model file/);
  });
});

describe("a state_dict of the reference, saved by PyTorch", () => {
  const path = new URL("hopwise_state_dict.safetensors", fixtures);
  const expected = JSON.parse(readFileSync(new URL("hopwise_state_dict.expected.json", fixtures), "utf8"));

  it("loads and gives PyTorch's IDs", async () => {
    expect(existsSync(path)).toBe(true);
    using loaded = await RQVAE.load(path);
    expect(loaded.config).toMatchObject({
      compat: "hopwise",
      codebookSimVq: true,
      inputScaling: "none",
      linearSkip: "none",
    });
    expect([...loaded.encode(expected.items)]).toEqual(expected.codes);
    expect(loaded.reconstruct(expected.items)).toHaveLength(expected.items.length * loaded.config.inputDim);
    // Saved again it is a file of ours that says so by itself.
    using again = await RQVAE.load(loaded.save());
    expect(again.fingerprint).toBe(loaded.fingerprint);
    expect([...again.encode(expected.items)]).toEqual(expected.codes);
  });

  it("takes overrides, and refuses those that do not fit", async () => {
    using loaded = await RQVAE.load(path, { config: { activation: "relu" } });
    expect(loaded.config.activation).toBe("relu");
    await expect(RQVAE.load(path, { config: { linearSkip: "pca" } })).rejects.toThrow(
      /config: compat "hopwise" needs linearSkip/,
    );
    await expect(RQVAE.load(path, { config: { latentDim: 99 } })).rejects.toThrow(
      /config.latentDim is 99, but the file's tensors have 6/,
    );
    await expect(RQVAE.load(bytes, { config: { latentDim: -1 } })).rejects.toHaveProperty("name", "InvalidInputError");
    await expect(RQVAE.load(path, { config: { codebookSimVq: false } })).rejects.toThrow(/no place for/);
    await expect(RQVAE.load(path, { confg: {} } as object)).rejects.toThrow(/unknown option "confg"/);
  });
});
