/**
 * Several vectors per item, such as of title, image and behaviour, made one.
 *
 * @module rqvae/fusion
 */

export { type HeldOut, leaveOut } from "../evaluate/leave-out.ts";
export type { Field, FieldItems, FieldLayout, FieldVectors, FusedItems, HistorySketch } from "../items/fields.ts";
export { type Fused, type FuseOptions, fuse, type NamedField } from "./fuse.ts";
export { readLayout, writeLayout } from "./layout-file.ts";
