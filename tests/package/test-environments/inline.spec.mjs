// `rqvae/inline`, which carries its WebAssembly compressed, in a page that is played.
import { RQVAE } from "rqvae/inline";
import expected from "./expected.js";
import { userProgram } from "./user.program.js";

it("trains, saves, loads and encodes", async () => {
  expect(await userProgram(RQVAE)).toBe(expected.answer);
}, 60_000);
