/** Merges with the DOM's declaration, which not every project has. */
declare namespace WebAssembly {
  // biome-ignore lint/suspicious/noEmptyInterface: an interface merges, and the DOM's is empty too
  interface Module {}
}

/** The addresses of the WebAssembly as bundlers give them for `?url`, as Vite does. */
declare module "rqvae/rqvae.wasm?url" {
  const url: string;
  export default url;
}
declare module "rqvae/rqvae-threads.wasm?url" {
  const url: string;
  export default url;
}
