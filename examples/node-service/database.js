// What the service keeps, in one SQLite file, so that every step is whole or never was: also when the process is killed in it.
import Database from "better-sqlite3";

const SCHEMA = `
  -- "model", "index": what is published; "snapshot": the number of the last request whose items are in that index already.
  -- "upload", "options", "checkpoint": the training that is not finished yet.
  -- "catalogue": the items of the model that is served, as they were uploaded. "next model", "previous index", ...: see generations.js.
  CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  -- The published IDs, for everybody who reads this database. UNIQUE: no two items have the same.
  CREATE TABLE IF NOT EXISTS items (id TEXT PRIMARY KEY, semantic_id TEXT NOT NULL UNIQUE) WITHOUT ROWID;
  -- Items that were added to the catalogue, with the number of the request; vectors of float32.
  CREATE TABLE IF NOT EXISTS added (request INTEGER NOT NULL, id TEXT PRIMARY KEY, vector BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS added_by_request ON added (request);
  -- Items that were removed, with the number of the request: a catalogue that was uploaded before does not bring them back.
  CREATE TABLE IF NOT EXISTS removed (request INTEGER NOT NULL, id TEXT PRIMARY KEY);
`;

export function openDatabase(path) {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL"); // an ID that was told to a client survives a power cut too
  database.exec(SCHEMA);
  const sql = (text) => database.prepare(text);

  const getFile = sql("SELECT bytes FROM files WHERE name = ?").pluck();
  const putFile = sql("INSERT OR REPLACE INTO files VALUES (?, ?)");
  const renameFile = sql("UPDATE OR REPLACE files SET name = ? WHERE name = ?");
  const removeFile = sql("DELETE FROM files WHERE name = ?");
  const putItem = sql("INSERT OR REPLACE INTO items VALUES (?, ?)");
  const removeItem = sql("DELETE FROM items WHERE id = ?");
  const clearItems = sql("DELETE FROM items");
  const listItems = sql("SELECT id, semantic_id AS semanticId FROM items WHERE id > ? ORDER BY id LIMIT ?");
  const putAdded = sql("INSERT OR IGNORE INTO added VALUES (?, ?, ?)");
  const replaceAdded = sql("INSERT OR REPLACE INTO added VALUES (?, ?, ?)");
  const putRemoved = sql("INSERT OR REPLACE INTO removed VALUES (?, ?)");
  const forgetRemoved = sql("DELETE FROM removed WHERE id = ?");
  const clearRemoved = sql("DELETE FROM removed");
  const removedAfter = sql("SELECT id FROM removed WHERE request > ?").pluck();
  const forgetAdded = sql("DELETE FROM added WHERE id = ?");
  const lastAdded = sql("SELECT coalesce(max(request), 0) FROM added").pluck();
  const nextAdded = sql(
    "SELECT request, id, vector FROM added WHERE request = (SELECT min(request) FROM added WHERE request > ?)",
  );

  const bytesOf = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

  return {
    /** Runs `body` as a whole: everything that it changes, or nothing when it throws. */
    atOnce: (body) => database.transaction(body)(),
    close: () => database.close(),
    getFile: (name) => getFile.get(name),
    putFile: (name, bytes) => void putFile.run(name, bytes),
    renameFile: (from, to) => void renameFile.run(to, from),
    removeFiles: (...names) => {
      for (const name of names) removeFile.run(name);
    },
    putItem: (id, semanticId) => void putItem.run(id, semanticId),
    removeItem: (id) => void removeItem.run(id),
    clearItems: () => void clearItems.run(),
    listItems: (after, limit) => listItems.all(after, limit),
    /** An item of a request, if it has not been added before. */
    putAdded: (request, id, vector) => {
      putAdded.run(request, id, bytesOf(vector));
      forgetRemoved.run(id);
    },
    /** An item of a request, in place of what it was before. */
    replaceAdded: (request, id, vector) => {
      replaceAdded.run(request, id, bytesOf(vector));
      forgetRemoved.run(id);
    },
    putRemoved: (request, id) => {
      putRemoved.run(request, id);
      forgetAdded.run(id);
    },
    clearRemoved: () => void clearRemoved.run(),
    removedAfter: (request) => removedAfter.all(request),
    forgetAdded: (id) => void forgetAdded.run(id),
    lastAdded: () => lastAdded.get(),
    /** What was added after a request, in order and request by request. */
    *addedAfter(request) {
      for (let rows = nextAdded.all(request); rows.length > 0; rows = nextAdded.all(rows[0].request)) {
        const vectors = rows.map(({ vector }) => new Float32Array(new Uint8Array(vector).buffer));
        yield { request: rows[0].request, itemIds: rows.map(({ id }) => id), vectors };
      }
    },
  };
}
