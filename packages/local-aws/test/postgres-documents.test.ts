import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { postgresBacking } from '../postgres/index.ts';
import { createStore } from '../store/index.ts';
import { type TestDatabase, testDatabase } from './postgres-setup.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

/** A store that knows only what is in the database: the local system after a restart. */
const restarted = async () => createStore(await postgresBacking(database.pool('admin')));

test('documents survive a restart, in the order of their insertion', async () => {
  const letters = await (await restarted()).collection<{ n: number }>('letters');
  await Promise.all(['c', 'a', 'b'].map((key, n) => letters.put(key, { n })));
  await letters.put('c', { n: 9 });
  const again = await (await restarted()).collection<{ n: number }>('letters');
  expect(again.entries()).toEqual([
    ['c', { n: 9 }],
    ['a', { n: 1 }],
    ['b', { n: 2 }],
  ]);
});

test('of many changes to one document at once, the last one stays', async () => {
  const counter = await (await restarted()).collection<number>('counter');
  await Promise.all(Array.from({ length: 200 }, (_, n) => counter.put('n', n)));
  expect((await (await restarted()).collection<number>('counter')).get('n')).toBe(199);
});

test('removed and put again, a document comes last', async () => {
  const queue = await (await restarted()).collection<string>('queue');
  await queue.put('first', 'x');
  await queue.put('second', 'y');
  await Promise.all([queue.delete('first'), queue.put('first', 'z')]);
  await Promise.all([queue.put('third', 'w'), queue.delete('third')]);
  expect((await (await restarted()).collection<string>('queue')).entries()).toEqual([
    ['second', 'y'],
    ['first', 'z'],
  ]);
});

test('any text and any shape comes back as it was', async () => {
  const odd = await (await restarted()).collection<unknown>('odd');
  const value = { text: 'a\u0000b "c" \\ é 🦉', list: [null, 1.5, true, []], 'key with . and :': {} };
  await odd.put('key\n"with" \\ everything', value);
  expect((await (await restarted()).collection('odd')).entries()).toEqual([
    ['key\n"with" \\ everything', value],
  ]);
});

test('a collection does not know the documents of another', async () => {
  const store = await restarted();
  await (await store.collection('one')).put('key', 1);
  expect((await store.collection('other')).entries()).toEqual([]);
});

test('who writes is told when it failed, and others go on', async () => {
  const broken = await (await restarted()).collection<unknown>('broken');
  await expect(broken.put('nul in the key \u0000', 1)).rejects.toThrow();
  await broken.put('fine', 1);
  expect((await (await restarted()).collection('broken')).entries()).toEqual([['fine', 1]]);
});
