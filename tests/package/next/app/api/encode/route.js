import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { userProgram } from "../../../user.program.js";

export const dynamic = "force-dynamic";

export async function GET() {
  return new Response(await userProgram(RQVAE, RQVAEWorker));
}
