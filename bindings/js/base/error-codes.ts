/**
 * Error codes: what went wrong, as a word that stays the same when a message changes. tools/errors.mjs writes docs/guides/errors.md from
 * this list.
 */
export type ErrorCode =
  // Arguments and options
  /** An argument has the wrong type or value. */
  | "INVALID_INPUT"
  /** An option has a value that is not allowed. `argument` is its name. */
  | "OPTION_OUT_OF_RANGE"
  /** There is no such option. `argument` is the name that was given; the message suggests what was meant, if that is clear. */
  | "UNKNOWN_OPTION"
  /** Two options exclude each other, or one needs the other. `argument` is the first of them. */
  | "OPTIONS_CONFLICT"
  /** The buffer of an array was transferred, perhaps by an earlier call, or it shrank. Pass a copy, or transfer the array later. */
  | "ARRAY_GIVEN_AWAY"
  /** A Proxy of an array, a Blob or a URL cannot be read. Pass the object itself, in Vue `toRaw(object)`. */
  | "PROXY"
  /** A worker was given something that no message can carry, such as a function. */
  | "NOT_SENDABLE"

  // Items
  /** The items have an unknown form. */
  | "ITEMS_FORM"
  /** The vectors do not have the length that the model expects. */
  | "ITEMS_DIMENSION"
  /** A value is NaN, infinite or beyond the range of float32. `row` and `column` give its place. */
  | "ITEM_NOT_FINITE"
  /** A value is not a number. `row` and `column` give its place. */
  | "ITEM_NOT_NUMBER"
  /** The vector in `row` is so long that no code is at a finite distance. Check the units. */
  | "ITEM_TOO_LARGE"
  /** A row has more or fewer values than the others, or than required. */
  | "ROW_LENGTH"
  /** There are no items, IDs, labels or rows, but some are needed. */
  | "EMPTY"
  /** An `EmbeddingSource` did not return the requested rows, or was asked for rows that it does not have. */
  | "SOURCE_READ"
  /** Items, IDs, labels or titles that belong together differ in number, or cannot be joined. */
  | "COUNTS_DIFFER"
  /** A value cannot be an item ID, or an item ID is missing. */
  | "ITEM_ID_INVALID"
  /** An item ID occurs twice. */
  | "ITEM_TWICE"

  // Models and training
  /** The model was neither trained, initialised nor loaded: its codes would mean nothing. */
  | "NOT_INITIALIZED"
  /** Another long call is running on this model. Await it, abort it, or use another model object. */
  | "BUSY"
  /** The model or optimiser was disposed. */
  | "DISPOSED"
  /** Training reached values that are not finite. */
  | "DIVERGED"
  /** There is no training that the call could use. */
  | "NO_TRAINING"
  /** The model was loaded from its encoder part, and the call needs the decoder. */
  | "NO_DECODER"
  /** The checkpoint belongs to another model, other items or other options. `argument` is the option that differs, if one does. */
  | "CHECKPOINT_MISMATCH"
  /** The IDs, index or optimiser belong to another model, whose codes mean something else. */
  | "OTHER_MODEL"
  /** The codebook sizes differ from those of the model, index or vocabulary. */
  | "OTHER_CODEBOOKS"
  /** The call also needs the model, or the items' vectors. */
  | "MODEL_NEEDED"

  // IDs, index and tokens
  /** A code is out of range for its level. `row` and `level` give its place. */
  | "CODE_OUT_OF_RANGE"
  /** A token or a part of a text is in the wrong place. */
  | "TOKEN_UNEXPECTED"
  /** No item has an ID with this prefix, or the token may not follow. */
  | "UNKNOWN_PREFIX"
  /** The index or the table has no such item. */
  | "UNKNOWN_ITEM"
  /** A known item was added with another ID. Use `replace` to change published IDs. */
  | "ITEM_MOVED"
  /** More items share an ID than the codes or the `capacity` can tell apart. The message has the numbers. */
  | "TOO_FEW_CODES"
  /** The index was saved with `compact: true` and cannot be changed. */
  | "INDEX_COMPACT"
  /** The index has changed since the filter was made, or it or the filter during a search. Make the filter again, or search again. */
  | "INDEX_CHANGED"

  // Files
  /** A path, URL, Blob or response could not be read: it does not exist, the server refused, or it was closed. */
  | "FILE_UNREADABLE"
  /** A model, checkpoint or index file is invalid. */
  | "MODEL_FORMAT"
  /** A file is damaged or cut short. Fetch or copy it again. */
  | "FILE_DAMAGED"
  /** The call does not read this kind of file. */
  | "FILE_FOREIGN"
  /** The file comes from a newer release. Update the package. */
  | "FILE_NEWER"
  /** A file claims more than its bytes can hold, or more than can be read in one piece. */
  | "FILE_TOO_LARGE"
  /** The file contains something unexpected. */
  | "FILE_CONTENT"
  /** The text is not JSON. */
  | "NOT_JSON"
  /** The text is not valid in its encoding. Save it as UTF-8. */
  | "NOT_UTF8"
  /** The numbers have a type, or the arrays a shape, that cannot be read. */
  | "TYPE_UNSUPPORTED"
  /** The file has no column or tensor with that name, or none that could be the embedding, the title or the codes. */
  | "COLUMN_MISSING"
  /** Several columns could be the embedding, or the likely one is not. Name it with `embedding`. */
  | "COLUMN_UNCLEAR"
  /** No row of the file can be used. */
  | "ROWS_ALL_INVALID"
  /** The format cannot hold what is to be written. */
  | "FORMAT_CANNOT_HOLD"
  /** The file's compression needs another package, or this environment cannot read it. */
  | "DECOMPRESSION_MISSING"
  /** A model from another program has parts that this library cannot express. */
  | "STATE_DICT_UNSUPPORTED"
  /** The model was made by a release that computes in a different order, so its IDs would differ. */
  | "NUMERICS_DIFFER"

  // WebAssembly, workers and memory
  /** There was not enough memory. */
  | "OUT_OF_MEMORY"
  /** The WebAssembly could not be fetched, compiled or started. */
  | "WASM_LOAD"
  /** The WebAssembly and the JavaScript are of different releases. */
  | "WASM_OTHER_VERSION"
  /** `initialize` asked for a WebAssembly or number of threads that differs from the one in use. Call it before anything else. */
  | "WASM_ALREADY_LOADED"
  /** A trap ended a call midway, so nothing of this instance can be used any more. */
  | "WASM_FAILED"
  /** The worker could not start. */
  | "WORKER_NOT_STARTED"
  /** The worker crashed or was disposed. */
  | "WORKER"
  /** This should not happen. Please report it, with the message. */
  | "RQVAE";
