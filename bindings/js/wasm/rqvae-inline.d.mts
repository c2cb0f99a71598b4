/** rqvae.wasm, gzipped, in base64: made by the build. */
declare const base64: string;
export default base64;
