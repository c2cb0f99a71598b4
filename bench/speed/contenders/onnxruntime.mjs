// onnxruntime-web (WebAssembly) or onnxruntime-node (native): the same weights as an ONNX graph.
import { encoderGraph, INPUT, outputOf } from "./onnx.mjs";
import { importPackage } from "./packages.mjs";
import { serve, stepping } from "./serve.mjs";
import { readWeights } from "./tensors.mjs";

const name = process.argv[3];
const ort = await importPackage(name);

let session;
let levels;

serve(
  stepping({
    async load({ model, threads }) {
      const weights = readWeights(model);
      levels = weights.codebooks.length;
      const isWeb = name === "onnxruntime-web";
      if (isWeb) ort.env.wasm.numThreads = threads;
      session = await ort.InferenceSession.create(encoderGraph(weights), {
        executionProviders: [isWeb ? "wasm" : "cpu"],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
    },
    async encode({ data, rows, dim }) {
      const outputs = await session.run({ [INPUT]: new ort.Tensor("float32", data, [rows, dim]) });
      const codes = new Uint16Array(rows * levels);
      for (let level = 0; level < levels; level++) {
        const column = outputs[outputOf(level)].data; // 64-bit integers
        for (let i = 0; i < rows; i++) codes[i * levels + level] = Number(column[i]);
      }
      return codes;
    },
  }),
);
