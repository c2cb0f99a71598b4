/** The application of every fixture with a page: nothing in it knows which bundler there is. */
import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { userProgram } from "./user.program.js";

globalThis.answer = userProgram(RQVAE, RQVAEWorker);
