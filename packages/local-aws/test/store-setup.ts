/**
 * A store in memory whose first write to one collection lasts until it is let go: what a service
 * does meanwhile can be looked at.
 */
import { createStore } from '../store/index.ts';

export function heldStore(held: string) {
  let begin = () => {};
  let release = () => {};
  /** Resolves when the write has begun. */
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let first = true;
  const store = createStore({
    load: async () => [],
    async put(collection) {
      if (!first || collection !== held) return;
      first = false;
      begin();
      await released;
    },
    delete: async () => {},
  });
  return { store, begun, release };
}
