/**
 * The errors of the library. Each message names the argument, says what was received and what to do. Nothing else is ever
 * thrown for bad input: no number, no bare WebAssembly trap.
 */

import type { ErrorCode } from "./error-codes.ts";
import { type Say, toText, type Worded, type Wording, type WordingPart, worded } from "./wording.ts";

/** Names of the error classes, also used to carry an error through a worker's message. */
export type RQVAEErrorName =
  | "RQVAEError"
  | "InvalidInputError"
  | "ModelFormatError"
  | "NotInitializedError"
  | "BusyError"
  | "OutOfMemoryError"
  | "DisposedError"
  | "DivergedError"
  | "UnknownPrefixError"
  | "WasmLoadError"
  | "WorkerError";

/** What an error carries beside its message. */
export interface ErrorDetails extends ErrorOptions {
  /** Default: that of the class. */
  code?: ErrorCode;
}

/**
 * Base class of every error that the library throws. The message is made from `wording`, and so are the fields: what the parts do not
 * name is undefined.
 */
export class RQVAEError extends Error {
  override readonly name: RQVAEErrorName = "RQVAEError";
  /** The message in parts, for those who call options by other names. */
  declare readonly wording: Wording;

  constructor(message: string | Wording = "", { code, ...options }: ErrorDetails = {}) {
    const wording = typeof message === "string" ? [message] : message;
    super(toText(wording), options);
    Object.defineProperty(this, "wording", { value: wording }); // not enumerable: an error is printed as its message
    if (code) Object.defineProperty(this, "code", { value: code, enumerable: true });
  }

  /** What went wrong, as a word that stays the same when the message changes. Where there is no closer one it is the class's. */
  get code(): ErrorCode {
    const words = this.name.replace("Error", "").replace(/([a-z])([A-Z])/g, "$1_$2");
    return words.toUpperCase() as ErrorCode;
  }

  /** The option or argument that it is about, by the name that it has in the call. */
  get argument(): string | undefined {
    return find(this, "argument") ?? find(this, "option");
  }

  /** From 0, in the items, IDs or file that were given. */
  get row(): number | undefined {
    return find(this, "row");
  }

  /** From 0. */
  get column(): number | undefined {
    return find(this, "column");
  }

  /** From 0. */
  get level(): number | undefined {
    return find(this, "level");
  }

  /**
   * The message in the words of others.
   * @param say Theirs for a part; undefined for the library's own, "" to leave it out.
   */
  inWords(say: Say): string {
    return toText(this.wording, say);
  }

  /** What is wrong: the message without the call or file at its beginning and without what to do. */
  get reason(): string {
    return this.inWords((part) =>
      "call" in part || "hint" in part || ("file" in part && !part.form) ? "" : undefined,
    );
  }

  /** What to do. */
  get hint(): string | undefined {
    const hint = find(this, "hint");
    return hint && toText(hint);
  }
}

type Keys<T> = T extends unknown ? keyof T : never;
type Part = Exclude<WordingPart, string>;
type ValueOf<T, K extends PropertyKey> = T extends { [key in K]: infer V } ? V : never;

/** Of the first part that has one. */
function find<K extends Keys<Part>>({ wording }: RQVAEError, key: K): ValueOf<Part, K> | undefined {
  return (wording.find((part) => key in Object(part)) as { [key in K]?: ValueOf<Part, K> } | undefined)?.[key];
}

/** An argument is not what it must be: shape, range, type, NaN, unknown option. */
export class InvalidInputError extends RQVAEError {
  override readonly name = "InvalidInputError";
}

/** Bytes that are not a model or index file of ours: truncated, damaged, foreign, or of a newer format. */
export class ModelFormatError extends RQVAEError {
  override readonly name = "ModelFormatError";
}

/** The model has neither been trained, initialised nor loaded, so that its codes would mean nothing. */
export class NotInitializedError extends RQVAEError {
  override readonly name = "NotInitializedError";
}

/** A long call is running on this model already. */
export class BusyError extends RQVAEError {
  override readonly name = "BusyError";
}

/** The WebAssembly memory (4 GB at most) could not hold what was asked for. */
export class OutOfMemoryError extends RQVAEError {
  override readonly name = "OutOfMemoryError";
}

/** The model or optimizer was disposed. */
export class DisposedError extends RQVAEError {
  override readonly name = "DisposedError";
}

/** Training reached a loss, weights or latent vectors that are not finite. The model keeps the best weights so far, or those that the training began with; after `trainStep`, those before the step. */
export class DivergedError extends RQVAEError {
  override readonly name = "DivergedError";
}

/** No item of the index has an ID that begins with the given codes. */
export class UnknownPrefixError extends RQVAEError {
  override readonly name = "UnknownPrefixError";
}

/** The WebAssembly module could not be fetched or compiled. */
export class WasmLoadError extends RQVAEError {
  override readonly name = "WasmLoadError";
}

/** The worker crashed, could not start, or was disposed while calls were pending. */
export class WorkerError extends RQVAEError {
  override readonly name = "WorkerError";
}

const classes: Record<RQVAEErrorName, new (message?: string | Wording, details?: ErrorDetails) => RQVAEError> = {
  RQVAEError,
  InvalidInputError,
  ModelFormatError,
  NotInitializedError,
  BusyError,
  OutOfMemoryError,
  DisposedError,
  DivergedError,
  UnknownPrefixError,
  WasmLoadError,
  WorkerError,
};

/** Makes the error of a given class name; an unknown name gives the base class. */
export function makeError(name: string, message: string | Wording, details?: ErrorDetails): RQVAEError {
  const ErrorClass = Object.hasOwn(classes, name) ? classes[name as RQVAEErrorName] : RQVAEError;
  return new ErrorClass(message, details);
}

/** The error of bad input out of a template: `throw invalid("ROW_LENGTH")\`${{ argument: name }}: ${{ row }} has ...\`` */
export const invalid =
  (code?: ErrorCode, cause?: unknown) =>
  (strings: TemplateStringsArray, ...values: Worded[]): InvalidInputError =>
    new InvalidInputError(worded(strings, ...values), { ...(code && { code }), ...because(cause) });

/** A cause, if there is one. */
export const because = (cause: unknown): ErrorOptions => (cause === undefined ? {} : { cause });
