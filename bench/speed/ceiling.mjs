// The machine's ceiling for float32 in WebAssembly SIMD: multiply-adds in registers only, no memory. The module is written here, byte by
// byte, so that neither a compiler nor its version has a say. Relaxed SIMD's fused multiply-add is left out as in the library: engines differ.

const [V128, I32] = [0x7b, 0x7f];
const SIMD = 0xfd;
const [SPLAT, MUL, ADD, LANE] = [0x13, 0xe6, 0xe4, 0x1f]; // f32x4.splat, .mul, .add, .extract_lane
const UNROLL = 8;

/** @type {(value: number) => number[]} */
function leb(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

/** @type {(id: number, body: number[]) => number[]} */
const section = (id, body) => [id, ...leb(body.length), ...body];
/** @type {(...code: number[]) => number[]} */
const simd = (...code) => [SIMD, ...leb(code[0]), ...code.slice(1)];

/**
 * A module with run(rounds: i32, x: f32) -> f32: `accumulators` independent chains acc = acc * x + y, UNROLL of each a round.
 * @type {(accumulators: number) => Uint8Array<ArrayBuffer>}
 */
function chains(accumulators) {
  const F32 = 0x7d;
  const [factor, term, first] = [2, 3, 4]; // locals; 0 and 1 are the parameters
  const get = (/** @type {number} */ local) => [0x20, ...leb(local)];
  const set = (/** @type {number} */ local) => [0x21, ...leb(local)];
  const each = Array.from({ length: accumulators }, (_, i) => first + i);
  const step = each.flatMap((acc) => [
    ...get(acc),
    ...get(factor),
    ...simd(MUL),
    ...get(term),
    ...simd(ADD),
    ...set(acc),
  ]);
  const code = [
    ...[...get(1), ...simd(SPLAT), ...set(factor), ...get(1), ...simd(SPLAT), ...set(term)],
    ...each.flatMap((acc) => [...get(1), ...simd(SPLAT), ...set(acc)]),
    ...[0x03, 0x40], // loop
    ...Array.from({ length: UNROLL }, () => step).flat(),
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b], // br_if --rounds
    ...get(first),
    ...each.slice(1).flatMap((acc) => [...get(acc), ...simd(ADD)]),
    ...[...simd(LANE, 0), 0x0b],
  ];
  const locals = [1, ...leb(2 + accumulators), V128];
  const body = [...locals, ...code];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, I32, F32, 1, F32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/**
 * A function that runs for about `ms` and returns GFLOP/s (a multiply and an add are two), warmed up.
 * @type {(accumulators: number) => Promise<(ms: number) => number>}
 */
export async function loop(accumulators) {
  const { instance } = await WebAssembly.instantiate(chains(accumulators));
  const run = /** @type {(rounds: number, x: number) => number} */ (instance.exports.run);
  const rounds = 20_000;
  const flops = rounds * UNROLL * accumulators * 4 * 2;
  const measure = (/** @type {number} */ ms) => {
    let calls = 0;
    const started = performance.now();
    let elapsed = 0;
    do {
      run(rounds, 0.5);
      calls++;
      elapsed = performance.now() - started;
    } while (elapsed < ms);
    return (calls * flops) / elapsed / 1e6;
  };
  measure(100); // until the optimising compiler has it
  return measure;
}

/**
 * The best of 8 to 13 accumulators: fewer wait for each other's result, more do not fit in the registers.
 * @returns {Promise<{ measure: (ms: number) => number, accumulators: number }>}
 */
export async function ceiling() {
  let best = { measure: (/** @type {number} */ _ms) => 0, accumulators: 0, rate: 0 };
  for (let accumulators = 8; accumulators <= 13; accumulators++) {
    const measure = await loop(accumulators);
    const rate = Math.max(measure(40), measure(40), measure(40));
    if (rate > best.rate) best = { measure, accumulators, rate };
  }
  return best;
}
