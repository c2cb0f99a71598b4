/** Errors as plain data: all that an error of ours carries crosses the boundary of a worker, and so does its cause. */

import type { ErrorCode } from "../base/error-codes.ts";
import { makeError, RQVAEError } from "../base/errors.ts";
import type { Wording } from "../base/wording.ts";

export interface SentError {
  name: string;
  /** Of an error of ours; of another one that of the platform, "ENOENT" say. */
  code?: string;
  message: string | Wording;
  cause?: SentError | { value: string };
}

/** Causes of causes that are sent. */
const DEPTH = 8;

export function toSent(error: unknown, depth = DEPTH): SentError {
  if (!(error instanceof Error)) return { name: "RQVAEError", message: String(error) };
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

/** The error on the other side, of the same class. What is none of ours becomes an `RQVAEError` there, and keeps its name. */
export function fromSent({ name, code, message, cause }: SentError): RQVAEError {
  const error = makeError(name, message, {
    ...(typeof message !== "string" && { code: code as ErrorCode }),
    ...(cause && { cause: causeOf(cause) }),
  });
  return error.name === name ? error : Object.defineProperty(error, "name", { value: name });
}

function causeOf(cause: SentError | { value: string }): unknown {
  if ("value" in cause) return cause.value;
  if (typeof cause.message !== "string") return fromSent(cause);
  const { name, code, cause: inner } = cause;
  const error = new Error(cause.message, inner && { cause: causeOf(inner) });
  return Object.assign(error, { name, ...(code !== undefined && { code }) });
}
