// The weights of our model file (safetensors), for peers that know nothing of this library.
import { readFileSync } from "node:fs";

/**
 * @typedef {{ shape: number[], data: Float32Array }} Tensor
 * @typedef {{ weight: Tensor, bias: Tensor }} Layer
 */

/**
 * @param {string} path
 * @returns {{ encoder: Layer[], decoder: Layer[], codebooks: Tensor[], commitmentWeight: number }}
 */
export function readWeights(path) {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...header } = JSON.parse(file.toString("utf8", 8, start));
  /** @type {(name: string) => Tensor} */
  const tensor = (name) => {
    const { shape, data_offsets } = header[name];
    const [from, to] = data_offsets.map((/** @type {number} */ offset) => file.byteOffset + start + offset);
    return { shape, data: new Float32Array(file.buffer.slice(from, to)) };
  };
  const { hiddenDims, nQuantizationLayers, commitmentWeight } = JSON.parse(metadata.rqvae).config;
  const layers = (/** @type {string} */ part) =>
    Array.from({ length: hiddenDims.length + 1 }, (_, i) => ({
      weight: tensor(`${part}.network.${2 * i}.weight`),
      bias: tensor(`${part}.network.${2 * i}.bias`),
    }));
  const codebooks = Array.from({ length: nQuantizationLayers }, (_, level) =>
    tensor(`quantization_layers.${level}.embedding.weight`),
  );
  return { encoder: layers("encoder"), decoder: layers("decoder"), codebooks, commitmentWeight };
}
