import { invalid } from "../base/errors.ts";
import { fields, is, readJson } from "../base/json-shape.ts";
import { requireThat } from "../base/option-reader.ts";
import {
  type FieldLayout,
  fromStored,
  requireLayout,
  STORED_LAYOUT,
  type StoredLayout,
  toStored,
} from "../items/fields.ts";

const FORMAT = 1;

/** A layout as JSON, so that later items are fused in the same way. */
export function writeLayout(layout: FieldLayout): string {
  requireLayout(layout, "layout");
  return `${JSON.stringify({ format: FORMAT, ...toStored(layout) })}\n`;
}

/** @throws InvalidInputError for what is no layout */
export function readLayout(json: string): FieldLayout {
  requireThat(typeof json === "string", "json", "the text of a layout", json, "readLayout");
  const complain = (what: string, cause?: unknown) =>
    invalid("FILE_CONTENT", cause)`this is no layout of fields: ${what}`;
  const shape: typeof STORED_LAYOUT = (value, fail, path) => {
    fields({ format: is(`${FORMAT}, as in a file of rqvae fuse`, (format) => format === FORMAT) })(value, fail, path);
    STORED_LAYOUT(value, fail, path);
  };
  return fromStored(readJson<StoredLayout>(json, shape, complain));
}
