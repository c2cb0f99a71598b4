// A user's test of code for Node, under jest.
import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import expected from "./expected.js";
import { userProgram } from "./user.program.js";

it("trains, saves, loads and encodes, in a worker thread too", async () => {
  const { idsOfWorker, fileOfWorker: _, ...answer } = JSON.parse(await userProgram(RQVAE, RQVAEWorker));
  expect(JSON.stringify(answer)).toBe(expected.answer);
  expect(idsOfWorker).toBe(answer.ids);
}, 60_000);
