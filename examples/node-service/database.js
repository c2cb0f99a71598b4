// What the service keeps, in one SQLite file, so that every step is whole or never was: also when the process is killed in it.
import Database from "better-sqlite3";

const SCHEMA = `
  -- "model" and "index": what is published. "upload", "options" and "checkpoint": the training that is not finished yet.
  CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  -- The published IDs, for everybody who reads this database. UNIQUE: no two items have the same.
  CREATE TABLE IF NOT EXISTS items (id TEXT PRIMARY KEY, semantic_id TEXT NOT NULL UNIQUE) WITHOUT ROWID;
  -- Items that came after the catalogue, in the order in which they got their IDs, a request a row.
  CREATE TABLE IF NOT EXISTS arrivals (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
`;

export function openDatabase(path) {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL"); // an ID that was told to a client survives a power cut too
  database.exec(SCHEMA);
  const sql = (text) => database.prepare(text);

  const getFile = sql("SELECT bytes FROM files WHERE name = ?").pluck();
  const putFile = sql("INSERT OR REPLACE INTO files VALUES (?, ?)");
  const removeFile = sql("DELETE FROM files WHERE name = ?");
  const putItem = sql("INSERT OR REPLACE INTO items VALUES (?, ?)");
  const clearItems = sql("DELETE FROM items");
  const listItems = sql("SELECT id, semantic_id AS semanticId FROM items WHERE id > ? ORDER BY id LIMIT ?");
  const putArrival = sql("INSERT INTO arrivals (body) VALUES (?)");
  const arrivals = sql("SELECT body FROM arrivals ORDER BY number").pluck();
  const lastArrival = sql("SELECT coalesce(max(number), 0) FROM arrivals").pluck();
  const forgetArrivals = sql("DELETE FROM arrivals WHERE number <= ?");

  return {
    /** Runs `body` as a whole: everything that it changes, or nothing when it throws. */
    atOnce: (body) => database.transaction(body)(),
    close: () => database.close(),
    getFile: (name) => getFile.get(name),
    putFile: (name, bytes) => void putFile.run(name, bytes),
    removeFiles: (...names) => {
      for (const name of names) removeFile.run(name);
    },
    putItem: (id, semanticId) => void putItem.run(id, semanticId),
    clearItems: () => void clearItems.run(),
    listItems: (after, limit) => listItems.all(after, limit),
    putArrival: (body) => void putArrival.run(body),
    arrivals: () => arrivals.all(),
    lastArrival: () => lastArrival.get(),
    forgetArrivals: (upTo) => void forgetArrivals.run(upTo),
  };
}
