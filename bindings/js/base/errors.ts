/**
 * The errors of the library. Each message names the argument, says what was received and what to do. Nothing else is ever
 * thrown for bad input: no number, no bare WebAssembly trap.
 */

import { toText, type Wording } from "./wording.ts";

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

/** Base class of every error that the library throws. */
export class RQVAEError extends Error {
  override readonly name: RQVAEErrorName = "RQVAEError";
  /** The message in parts, with the options that it is about as data; absent when it is about none. */
  declare readonly wording?: Wording;

  constructor(message: string | Wording = "", options?: ErrorOptions) {
    super(typeof message === "string" ? message : toText(message), options);
    if (typeof message === "string" || message.every((part) => typeof part === "string")) return;
    Object.defineProperty(this, "wording", { value: message }); // not enumerable: an error is printed as its message
  }
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

const classes: Record<RQVAEErrorName, new (message?: string | Wording, options?: ErrorOptions) => RQVAEError> = {
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
export function makeError(name: string, message: string | Wording, options?: ErrorOptions): RQVAEError {
  const ErrorClass = Object.hasOwn(classes, name) ? classes[name as RQVAEErrorName] : RQVAEError;
  return new ErrorClass(message, options);
}
