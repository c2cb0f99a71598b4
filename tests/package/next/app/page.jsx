"use client";

import { useEffect } from "react";
import { RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { userProgram } from "../user.program.js";

export default function Page() {
  useEffect(() => {
    globalThis.answer = userProgram(RQVAE, RQVAEWorker);
  }, []);
  return <p>rqvae {typeof RQVAE}</p>;
}
