/** The addresses of the WebAssembly as bundlers give them for `?url`, as Vite does. */
declare module "rqvae/rqvae.wasm?url" {
  const url: string;
  export default url;
}
declare module "rqvae/rqvae-threads.wasm?url" {
  const url: string;
  export default url;
}
