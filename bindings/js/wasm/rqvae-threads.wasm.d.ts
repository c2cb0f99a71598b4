/** The address of the WebAssembly, as bundlers import it; edge runtimes give the compiled module. */
declare const wasm: string | WebAssembly.Module;
export default wasm;
