/**
 * Every option of a model and of its training as plain data: its values, its default and its description. For forms and help pages; the
 * command line, the demo page and the guide's tables are made from it.
 *
 * @module rqvae/options
 */

export { OPTIONS, type OptionDescription } from "./describe.ts";
