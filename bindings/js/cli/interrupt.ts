/** Reason of an abort by Ctrl-C (SIGINT) or by a polite request to end (SIGTERM). */
export class Interrupted extends Error {
  /** As a shell reports it: 128 + the signal's number. */
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super("interrupted");
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/**
 * Runs a job that Ctrl-C aborts; a second Ctrl-C ends the process at once.
 * @param onStop Called at the first, for jobs that take a while to stop: to say so.
 */
export async function interruptible<T>(job: (signal: AbortSignal) => Promise<T>, onStop?: () => void): Promise<T> {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    const reason = new Interrupted(signal === "SIGTERM" ? "SIGTERM" : "SIGINT");
    if (controller.signal.aborted) process.exit(reason.exitCode);
    onStop?.();
    controller.abort(reason);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    return await job(controller.signal);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
