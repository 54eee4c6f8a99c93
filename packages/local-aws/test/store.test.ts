import { describe, expect, jest, test } from '@jest/globals';
import { type Backing, createStore } from '../store/index.ts';

/** A backing that remembers, as a database would. */
function memory(): Backing {
  const kept = new Map<string, Map<string, unknown>>();
  const of = (name: string) => kept.get(name) ?? kept.set(name, new Map()).get(name);
  return {
    load: async (name) => [...(of(name) ?? [])],
    put: async (name, key, value) => void of(name)?.set(key, value),
    delete: async (name, key) => void of(name)?.delete(key),
  };
}

describe('the store', () => {
  test('gives back what was put, in the order it came', async () => {
    const numbers = await createStore().collection<number>('numbers');
    await numbers.put('b', 1);
    await numbers.put('a', 2);
    await numbers.put('b', 3);
    expect(numbers.entries()).toEqual([
      ['b', 3],
      ['a', 2],
    ]);
    await numbers.delete('b');
    expect([numbers.get('b'), numbers.get('a')]).toEqual([undefined, 2]);
  });

  test('has one collection of a name, loaded once, even if asked for twice at once', async () => {
    const backing = memory();
    const load = jest.spyOn(backing, 'load');
    const store = createStore(backing);
    const [one, same, other] = await Promise.all([
      store.collection('a'),
      store.collection('a'),
      store.collection('b'),
    ]);
    expect(one).toBe(same);
    expect(one).not.toBe(other);
    expect(load).toHaveBeenCalledTimes(2);
  });

  test('of the next run finds what the last one wrote and did not delete', async () => {
    const backing = memory();
    const before = await createStore(backing).collection<number>('numbers');
    await before.put('a', 1);
    await before.put('b', 2);
    await before.delete('a');
    expect((await createStore(backing).collection<number>('numbers')).entries()).toEqual([['b', 2]]);
  });

  test('says when a write is not durable', async () => {
    const backing = { ...memory(), put: () => Promise.reject(new Error('disk full')) };
    await expect((await createStore(backing).collection('a')).put('k', 1)).rejects.toThrow('disk full');
  });
});
