import { initialize, RQVAE } from "rqvae";
import wasm from "rqvae/rqvae.wasm";
import { userProgram } from "./user.program.js";

export default {
  async fetch() {
    await initialize({ wasm }).catch(() => {}); // loaded by the first request
    return new Response(await userProgram(RQVAE));
  },
};
