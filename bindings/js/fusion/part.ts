import type { OpenField } from "../items/fields.ts";

/** A field, joined with the catalogue. */
export interface Part {
  name: string;
  weight: number;
  open: OpenField;
  /** The row of each item in the field, or -1. */
  rows: Int32Array;
  /** Rows of the field that are not in the catalogue. */
  extra: number;
  /** How it was joined, if there is something to say. */
  text: string;
}
