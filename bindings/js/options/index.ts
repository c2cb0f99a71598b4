/**
 * Every option of a model and of its training as plain data: what it may be, what it is when nothing is said, and how it is put in words.
 * For forms and help pages; the command line, the demo page and the guide's tables are made of it.
 *
 * @module rqvae/options
 */

export { OPTIONS, type OptionDescription } from "./describe.ts";
