/**
 * The codes of the errors: what went wrong, as a word that stays the same when a message is worded better. docs/guides/errors.md is made
 * from this list by tools/errors.mjs.
 */
export type ErrorCode =
  // Arguments and options
  /** An argument is not what it must be. */
  | "INVALID_INPUT"
  /** An option has a value that it cannot have. `argument` is its name. */
  | "OPTION_OUT_OF_RANGE"
  /** There is no such option. `argument` is the name that was given; the message says what was meant, where that can be told. */
  | "UNKNOWN_OPTION"
  /** Options that exclude each other, or of which one needs the other. `argument` is the first of them. */
  | "OPTIONS_CONFLICT"
  /** The buffer of an array was transferred, perhaps by an earlier call, or it shrank. Pass a copy, or give the array away later. */
  | "ARRAY_GIVEN_AWAY"
  /** A Proxy of an array, a Blob or a URL, of which nothing can be read. Pass the object itself, in Vue `toRaw(object)`. */
  | "PROXY"
  /** What no message can carry was given to a worker: a function, say. */
  | "NOT_SENDABLE"

  // Items
  /** The items have none of the forms that items can have. */
  | "ITEMS_FORM"
  /** The vectors have another length than the model takes. */
  | "ITEMS_DIMENSION"
  /** A value is NaN, infinite or beyond the range of float32. `row` and `column` are its place. */
  | "ITEM_NOT_FINITE"
  /** A value is no number. `row` and `column` are its place. */
  | "ITEM_NOT_NUMBER"
  /** The vector in `row` is so long that no code is at a finite distance. Check its units. */
  | "ITEM_TOO_LARGE"
  /** A row has more or fewer values than the others, or than it must have. */
  | "ROW_LENGTH"
  /** There are no items, IDs, labels or rows where some are needed. */
  | "EMPTY"
  /** An `EmbeddingSource` gave something else than the rows that were asked for, or was asked for rows that it has not. */
  | "SOURCE_READ"
  /** Items, IDs, labels or titles that belong together are not as many, or cannot be joined. */
  | "COUNTS_DIFFER"
  /** What cannot be an item ID, or none where there must be one. */
  | "ITEM_ID_INVALID"
  /** An item ID stands twice. */
  | "ITEM_TWICE"

  // Models and training
  /** The model was neither trained, initialised nor loaded: its codes would mean nothing. */
  | "NOT_INITIALIZED"
  /** Another long call runs on this model. Await it, abort it, or use another model object. */
  | "BUSY"
  /** The model or optimizer was disposed. */
  | "DISPOSED"
  /** Training reached values that are not finite. */
  | "DIVERGED"
  /** There is no training that the call could be about. */
  | "NO_TRAINING"
  /** The model was loaded from its encoder part, and the call needs the decoder. */
  | "NO_DECODER"
  /** The checkpoint is of another model, other items or other options. `argument` is the option that differs, if it is one. */
  | "CHECKPOINT_MISMATCH"
  /** IDs, an index or an optimizer of another model: its codes mean something else. */
  | "OTHER_MODEL"
  /** The codebooks have other sizes than those of the model, index or vocabulary. */
  | "OTHER_CODEBOOKS"
  /** The call needs the model beside the index or the IDs, or the items' vectors. */
  | "MODEL_NEEDED"

  // IDs, index and tokens
  /** A code is none of its level. `row` and `level` are its place. */
  | "CODE_OUT_OF_RANGE"
  /** A token or a part of a text that does not belong where it stands. */
  | "TOKEN_UNEXPECTED"
  /** No item has an ID that begins so, or the token may not follow. */
  | "UNKNOWN_PREFIX"
  /** The index or the table has no such item. */
  | "UNKNOWN_ITEM"
  /** A known item was added with another ID: published IDs move by `replace` only. */
  | "ITEM_MOVED"
  /** More items share an ID, or want one, than the codes or the `capacity` can tell apart. The message has the numbers. */
  | "TOO_FEW_CODES"
  /** The index was saved with `compact: true` and cannot be changed. */
  | "INDEX_COMPACT"

  // Files
  /** A path, URL, Blob or response could not be read: it is not there, the server refused, it was closed. */
  | "FILE_UNREADABLE"
  /** A model, checkpoint or index file is not as it must be. */
  | "MODEL_FORMAT"
  /** A file is damaged or cut short. Fetch or copy it again. */
  | "FILE_DAMAGED"
  /** A file of another kind than the call reads. */
  | "FILE_FOREIGN"
  /** A file of a newer release. Update the package. */
  | "FILE_NEWER"
  /** A file claims more than its bytes can hold, or more than is read in one piece. */
  | "FILE_TOO_LARGE"
  /** Something else stands in the file than must stand there. */
  | "FILE_CONTENT"
  /** The text is not JSON. */
  | "NOT_JSON"
  /** The text is no valid text of its encoding. Save it as UTF-8. */
  | "NOT_UTF8"
  /** Numbers of a type or arrays of a shape that cannot be read. */
  | "TYPE_UNSUPPORTED"
  /** The file has no column or tensor of that name, or none that could be the embedding, the title or the codes. */
  | "COLUMN_MISSING"
  /** Several columns may be meant, or the one that seems to be is no embedding. Name it: `embedding`. */
  | "COLUMN_UNCLEAR"
  /** No row of the file can be used. */
  | "ROWS_ALL_INVALID"
  /** The format has no place for what is to be written. */
  | "FORMAT_CANNOT_HOLD"
  /** The file is compressed in a way that needs another package, or that this environment cannot read. */
  | "DECOMPRESSION_MISSING"
  /** A model of another program that has what cannot be expressed here. */
  | "STATE_DICT_UNSUPPORTED"
  /** The model was made by a release that computes in another order: its IDs would differ. */
  | "NUMERICS_DIFFER"

  // WebAssembly, workers and memory
  /** There was not enough memory. */
  | "OUT_OF_MEMORY"
  /** The WebAssembly could not be fetched, compiled or started. */
  | "WASM_LOAD"
  /** The WebAssembly is of another release than the JavaScript. */
  | "WASM_OTHER_VERSION"
  /** `initialize` was asked for another WebAssembly or number of threads than are in use. Call it first. */
  | "WASM_ALREADY_LOADED"
  /** A trap ended a call somewhere in the middle: nothing of this instance can be used any more. */
  | "WASM_FAILED"
  /** The worker could not start. */
  | "WORKER_NOT_STARTED"
  /** The worker crashed or was disposed. */
  | "WORKER"
  /** What should not happen. Please report it, with the message. */
  | "RQVAE";
