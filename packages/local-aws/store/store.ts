/** What must outlive a restart: documents in named collections, in memory and written through. */

/** JSON documents by key. Reads are from memory; a write resolves once it is durable. */
export type Collection<T> = {
  get(key: string): T | undefined;
  /** In insertion order. */
  entries(): [string, T][];
  put(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
};

export type Store = {
  /** The collection of that name, loaded; the same object for the same name. */
  collection<T>(name: string): Promise<Collection<T>>;
};

/** What a store writes through to. */
export type Backing = {
  load(collection: string): Promise<[string, unknown][]>;
  put(collection: string, key: string, value: unknown): Promise<void>;
  delete(collection: string, key: string): Promise<void>;
};

/** A store over any backing; without one it lives in memory only, enough for most tests. */
export function createStore(backing?: Backing): Store {
  const collections = new Map<string, Promise<Collection<unknown>>>();

  async function open(name: string): Promise<Collection<unknown>> {
    const documents = new Map<string, unknown>(await backing?.load(name));
    return {
      get: (key) => documents.get(key),
      entries: () => [...documents],
      async put(key, value) {
        documents.set(key, value);
        await backing?.put(name, key, value);
      },
      async delete(key) {
        documents.delete(key);
        await backing?.delete(name, key);
      },
    };
  }
  return {
    collection<T>(name: string) {
      let opened = collections.get(name);
      if (!opened) {
        opened = open(name);
        collections.set(name, opened);
      }
      return opened as Promise<Collection<T>>;
    },
  };
}
