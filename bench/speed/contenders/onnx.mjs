// The encoder and its search for codes as an ONNX graph. The file is protocol buffers, of which a graph needs very little.

/** @type {(value: number) => number[]} */
function varint(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) + 0x80);
  return [...bytes, value];
}
/** A field that is a number. @type {(field: number, value: number) => Uint8Array} */
const number = (field, value) => Uint8Array.from([...varint(field * 8), ...varint(value)]);
/** A field that is bytes: a message, a text, raw data. @type {(field: number, ...parts: Uint8Array[]) => Uint8Array} */
function bytes(field, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}
/** @type {(field: number, value: string) => Uint8Array} */
const text = (field, value) => bytes(field, Buffer.from(value));

export const [FLOAT, INT8, INT64, FLOAT16] = [1, 3, 7, 10]; // TensorProto.DataType
const [IR_VERSION, OPSET] = [8, 13];

/** TensorProto @type {(name: string, tensor: { shape: number[], data: ArrayBufferView }, type?: number) => Uint8Array} */
export function initializer(name, { shape, data }, type = FLOAT) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return bytes(5, ...shape.map((extent) => number(1, extent)), number(2, type), text(8, name), bytes(9, raw));
}

/** ValueInfoProto; an extent that is a word is known at run time. @type {(field: number, name: string, type: number, shape: (number | string)[]) => Uint8Array} */
export function value(field, name, type, shape) {
  const extents = shape.map((extent) => bytes(1, typeof extent === "string" ? text(2, extent) : number(1, extent)));
  return bytes(field, text(1, name), bytes(2, bytes(1, number(1, type), bytes(2, ...extents))));
}

/** NodeProto with whole-number attributes. @type {(type: string, inputs: string[], output: string, attributes?: Record<string, number>) => Uint8Array} */
export function node(type, inputs, output, attributes = {}) {
  const INT = 2; // AttributeProto.AttributeType
  const each = Object.entries(attributes).map(([name, n]) => bytes(5, text(1, name), number(3, n), number(20, INT)));
  return bytes(1, ...inputs.map((name) => text(1, name)), text(2, output), text(4, type), ...each);
}

/** The input's name. */
export const INPUT = "items";
/** The output of a level. @type {(level: number) => string} */
export const outputOf = (level) => `codes.${level}`;

/**
 * ||r - c||^2 without ||r||^2, which is the same for all codes: a product with -2 C to which the codes' squared lengths are added.
 * @type {(codebook: import("./tensors.mjs").Tensor) => { factors: import("./tensors.mjs").Tensor, lengths: import("./tensors.mjs").Tensor }}
 */
function searchable({ shape, data }) {
  const [codes, dim] = shape;
  const lengths = new Float32Array(codes);
  for (let k = 0; k < codes; k++) lengths[k] = data.subarray(k * dim, (k + 1) * dim).reduce((sum, x) => sum + x * x, 0);
  return { factors: { shape, data: data.map((x) => -2 * x) }, lengths: { shape: [codes], data: lengths } };
}

/**
 * ModelProto: items (n x D) to one output of n codes a level.
 * @param {ReturnType<typeof import("./tensors.mjs").readWeights>} weights
 * @returns {Uint8Array}
 */
export function encoderGraph({ encoder, codebooks }) {
  /** @type {Uint8Array[]} */
  const parts = [];
  let current = INPUT;
  encoder.forEach(({ weight, bias }, i) => {
    const name = `layer.${i}`;
    parts.push(initializer(`${name}.weight`, weight), initializer(`${name}.bias`, bias));
    parts.push(node("Gemm", [current, `${name}.weight`, `${name}.bias`], name, { transB: 1 }));
    current = name;
    if (i + 1 === encoder.length) return;
    parts.push(node("Sigmoid", [name], `${name}.sigmoid`), node("Mul", [name, `${name}.sigmoid`], `${name}.silu`));
    current = `${name}.silu`;
  });
  codebooks.forEach((codebook, level) => {
    const name = `level.${level}`;
    const { factors, lengths } = searchable(codebook);
    parts.push(initializer(`${name}.factors`, factors), initializer(`${name}.lengths`, lengths));
    parts.push(node("Gemm", [current, `${name}.factors`, `${name}.lengths`], `${name}.distances`, { transB: 1 }));
    parts.push(node("ArgMin", [`${name}.distances`], outputOf(level), { axis: 1, keepdims: 0 }));
    parts.push(value(12, outputOf(level), INT64, ["n"]));
    if (level + 1 === codebooks.length) return;
    parts.push(initializer(`${name}.codebook`, codebook));
    parts.push(node("Gather", [`${name}.codebook`, outputOf(level)], `${name}.chosen`, { axis: 0 }));
    parts.push(node("Sub", [current, `${name}.chosen`], `${name}.residual`));
    current = `${name}.residual`;
  });
  parts.push(value(11, INPUT, FLOAT, ["n", encoder[0].weight.shape[1]]));
  return modelFile("encoder", parts);
}

/** ModelProto of a graph: its nodes in order, initialisers, inputs (11) and outputs (12). @type {(name: string, parts: Uint8Array[]) => Uint8Array} */
export function modelFile(name, parts) {
  const graph = bytes(7, ...parts, text(2, name));
  return Buffer.concat([number(1, IR_VERSION), bytes(8, text(1, ""), number(2, OPSET)), graph]);
}
