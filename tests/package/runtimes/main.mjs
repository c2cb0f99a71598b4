import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { program } from "./determinism.program.js";
import { userProgram } from "./user.program.js";

console.log(await userProgram(RQVAE, RQVAEWorker));
console.log(await program(RQVAE));
