import { PAGE_FOLDER } from "../base/page-folder.ts";

/** Opens a database of this copy of the page. */
function open(name: string, stores: readonly string[]): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`${name} ${PAGE_FOLDER}`, 1);
    request.onupgradeneeded = () => {
      for (const store of stores) request.result.createObjectStore(store);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A database with a few stores, opened for each transaction, so that no tab is in the way of another. */
export class Database<Store extends string> {
  private readonly name: string;
  private readonly stores: readonly Store[];

  constructor(name: string, stores: readonly Store[]) {
    this.name = name;
    this.stores = stores;
  }

  /** One transaction over all stores; the answer is that of the request that `work` returns. */
  async run<T>(mode: IDBTransactionMode, work: (store: (name: Store) => IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await open(this.name, this.stores);
    try {
      return await new Promise<T>((resolve, reject) => {
        const transaction = database.transaction([...this.stores], mode);
        const request = work((name) => transaction.objectStore(name));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
        transaction.onerror = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  }
}

/** Holds a lock, which several may share, until what it returns is called or the tab or worker ends. */
export function holdLock(name: string): () => void {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  void navigator.locks?.request(`${name} ${PAGE_FOLDER}`, { mode: "shared" }, () => held);
  return release;
}

/** Of these names, those that somebody holds the lock of. */
export async function heldLocks(names: readonly string[]): Promise<Set<string>> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const all = new Set(held.map(({ name }) => name));
  return new Set(names.filter((name) => all.has(`${name} ${PAGE_FOLDER}`)));
}

/** A new name for something kept; those made later sort after. */
export const newKey = (): string =>
  `${Date.now().toString(36).padStart(9, "0")}${Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
