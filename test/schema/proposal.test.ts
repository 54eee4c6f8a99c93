/**
 * The migrations against the proposal: all of it unchanged, and every addition with its reason in
 * docs/database.md.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { catalogue, type Part } from './catalogue.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let proposal: Part[];
let product: Part[];

async function partsOf(database: TestDatabase, schema: string, ddl = ''): Promise<Part[]> {
  const client = await database.pool('superuser').connect();
  try {
    if (ddl !== '') await client.query(ddl);
    return await catalogue(client, schema);
  } finally {
    client.release();
  }
}

const databases: TestDatabase[] = [];
beforeAll(async () => {
  databases.push(await testDatabase({ empty: true }), await testDatabase());
  const [bare, migrated] = databases;
  if (!bare || !migrated) throw new Error('Two databases were asked for.');
  proposal = await partsOf(bare, 'public', await readFile('test/fixtures/proposal.sql', 'utf8'));
  product = await partsOf(migrated, 'restoreclick');
});
afterAll(() => Promise.all(databases.map((database) => database.drop())));

test('every table, column, constraint and index of the proposal is there, unchanged', () => {
  expect(proposal.length).toBeGreaterThan(150);
  const byName = new Map(product.map((part) => [part.name, part]));
  expect(proposal.map(({ name }) => byName.get(name))).toEqual(proposal);
});

test('every addition is listed with its reason in docs/database.md, and nothing else is', async () => {
  const proposed = new Set(proposal.map(({ name }) => name));
  const added = product.map(({ name }) => name).filter((name) => !proposed.has(name));
  const newTables = new Set(added.flatMap((name) => /^table (\w+)/.exec(name)?.[1] ?? []));
  // What belongs to a table that is itself an addition is explained with the table.
  const toExplain = added.filter((name) => !newTables.has(/^\w+ (\w+)\./.exec(name)?.[1] ?? ''));
  const page = await readFile('docs/database.md', 'utf8');
  const additions = page.slice(page.indexOf('## Additions to the proposal'));
  const entries = additions.split(/^- /m).slice(1);
  const rows = entries.map((entry) => {
    const [, what = '', why = ''] =
      /^((?:`[^`]+`(?:, )?)+): (.+)$/.exec(entry.replace(/\s+/g, ' ').trim()) ?? [];
    return { names: [...what.matchAll(/`([^`]+)`/g)].map(([, name]) => name), why };
  });
  const listed = rows.flatMap(({ names }) => names);
  expect([...listed].sort()).toEqual([...toExplain].sort());
  for (const { why } of rows) expect(why.trim().length).toBeGreaterThan(3);
});
