import { RQVAE } from "rqvae/inline";
import { userProgram } from "./user.program.js";

globalThis.answer = userProgram(RQVAE);
