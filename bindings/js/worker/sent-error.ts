/** Errors as plain data: everything in one of our errors crosses the boundary of a worker, including its cause. */

import type { ErrorCode } from "../base/error-codes.ts";
import { makeError, RQVAEError } from "../base/errors.ts";
import type { Wording } from "../base/wording.ts";

export interface SentError {
  name: string;
  /** The code of one of our errors, or the platform's, such as "ENOENT". */
  code?: string;
  message: string | Wording;
  cause?: SentError | { value: string };
}

/** The most nested causes that are sent. */
const DEPTH = 8;

export function toSent(error: unknown, depth = DEPTH): SentError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message: error instanceof RQVAEError ? error.wording : error.message,
    ...(typeof code === "string" && { code }),
    ...(cause !== undefined &&
      depth > 0 && { cause: cause instanceof Error ? toSent(cause, depth - 1) : { value: String(cause) } }),
  };
}

/** The error on the other side: of the same class if it is ours, else an `Error` with its name, message and code. */
export function fromSent({ name, code, message, cause }: SentError): Error {
  const because = cause && { cause: "value" in cause ? cause.value : fromSent(cause) };
  if (typeof message !== "string") return makeError(name, message, { code: code as ErrorCode, ...because });
  return Object.assign(new Error(message, because), { name, ...(code !== undefined && { code }) });
}
