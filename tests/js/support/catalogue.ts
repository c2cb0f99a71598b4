/** A small catalogue with structure, made by integer arithmetic: the same in every engine. */

/** Values in [-1, 1) from a 32-bit generator. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return x / 2 ** 31 - 1;
  };
}

/** rows x dim: 12 centres, 40 finer ones, a little noise and an offset that all share. */
export function catalogue(rows: number, dim: number, seed = 1): { data: Float32Array; rows: number; dim: number } {
  const next = generator(seed);
  const centres = Array.from({ length: 12 * dim }, next);
  const fine = Array.from({ length: 40 * dim }, () => next() / 2);
  const data = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const c = Math.floor((next() + 1) * 6);
    const f = Math.floor((next() + 1) * 20);
    for (let j = 0; j < dim; j++) data[i * dim + j] = 2 + centres[c * dim + j]! + fine[f * dim + j]! + next() / 5;
  }
  return { data, rows, dim };
}

/** Options of a model that trains in a blink. */
export const small = { latentDim: 8, hiddenDims: [16], codebookSize: 16, inputNoise: 0.2 };

/** Equality of the bits, NaN included. */
export function sameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    Buffer.compare(
      Buffer.from(a.buffer, a.byteOffset, a.byteLength),
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    ) === 0
  );
}

/** The tensors of a safetensors file, float32 as the library writes them. */
export function readTensors(file: Uint8Array): Map<string, Float32Array> {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Float32Array>();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    if (dtype === "F32")
      tensors.set(name, new Float32Array(file.slice(...offsets.map((at) => 8 + length + at)).buffer));
  }
  return tensors;
}

/** ||a - b||^2 */
export function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
