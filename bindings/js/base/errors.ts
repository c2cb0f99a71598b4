/**
 * The errors of the library. Each message names the argument, what was received and what to do. Bad input throws nothing else: no number,
 * no bare WebAssembly trap.
 */

import type { ErrorCode } from "./error-codes.ts";
import { type Say, toText, type Worded, type Wording, type WordingPart, worded } from "./wording.ts";

/** Names of the error classes, which also carry an error through a worker's message. */
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

/** What an error carries besides its message. */
export interface ErrorDetails extends ErrorOptions {
  /** Default: that of the class. */
  code?: ErrorCode;
}

/**
 * Base class of every error that the library throws. The message and the fields are made from `wording`; fields that the parts do not name
 * are undefined.
 */
export class RQVAEError extends Error {
  override readonly name: RQVAEErrorName = "RQVAEError";
  /** The message in parts, for programs that call options by other names. */
  declare readonly wording: Wording;

  constructor(message: string | Wording = "", { code, ...options }: ErrorDetails = {}) {
    const wording = typeof message === "string" ? [message] : message;
    super(toText(wording), options);
    Object.defineProperty(this, "wording", { value: wording }); // not enumerable, so that an error prints as its message
    if (code) Object.defineProperty(this, "code", { value: code, enumerable: true });
  }

  /** What went wrong, as a word that stays the same when the message changes. Without a more specific one it is the class's. */
  get code(): ErrorCode {
    const words = this.name.replace("Error", "").replace(/([a-z])([A-Z])/g, "$1_$2");
    return words.toUpperCase() as ErrorCode;
  }

  /** The option or argument that it is about, by its name in the call. */
  get argument(): string | undefined {
    return find(this, "argument") ?? find(this, "option");
  }

  /** 0-based, in the given items, IDs or file. */
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
   * The message in other words.
   * @param say Gives the words for a part; undefined keeps the library's own, "" leaves it out.
   */
  inWords(say: Say): string {
    return toText(this.wording, say);
  }

  /** What is wrong: the message without the call or file at its start and without the hint at its end. */
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

/** An argument is invalid: shape, range, type, NaN, unknown option. */
export class InvalidInputError extends RQVAEError {
  override readonly name = "InvalidInputError";
}

/** The bytes are not one of our model or index files: truncated, damaged, foreign, or of a newer format. */
export class ModelFormatError extends RQVAEError {
  override readonly name = "ModelFormatError";
}

/** The model has not been trained, initialised or loaded, so its codes would mean nothing. */
export class NotInitializedError extends RQVAEError {
  override readonly name = "NotInitializedError";
}

/** Another long call is already running on this model. */
export class BusyError extends RQVAEError {
  override readonly name = "BusyError";
}

/** The WebAssembly memory (at most 4 GB) could not hold what was requested. */
export class OutOfMemoryError extends RQVAEError {
  override readonly name = "OutOfMemoryError";
}

/** The model or optimiser was disposed. */
export class DisposedError extends RQVAEError {
  override readonly name = "DisposedError";
}

/**
 * Training reached a loss, weights or latent vectors that are not finite. The model keeps the best weights so far, or those that training
 * started with; after `trainStep`, those before the step.
 */
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

/** Makes an error by class name; an unknown name gives the base class. */
export function makeError(name: string, message: string | Wording, details?: ErrorDetails): RQVAEError {
  const ErrorClass = Object.hasOwn(classes, name) ? classes[name as RQVAEErrorName] : RQVAEError;
  return new ErrorClass(message, details);
}

/** An error about bad input, from a template: `throw invalid("ROW_LENGTH")\`${{ argument: name }}: ${{ row }} has ...\`` */
export const invalid =
  (code?: ErrorCode, cause?: unknown) =>
  (strings: TemplateStringsArray, ...values: Worded[]): InvalidInputError =>
    new InvalidInputError(worded(strings, ...values), { ...(code && { code }), ...because(cause) });

/** A cause, if there is one. */
export const because = (cause: unknown): ErrorOptions => (cause === undefined ? {} : { cause });
