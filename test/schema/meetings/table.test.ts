/** No statement is forgotten, and docs/database.md says which meet. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { statementPaths } from '../../../schema/statements/files.ts';
import { deliveries } from './deliveries.ts';
import { restorations } from './restorations.ts';
import { sales } from './sales.ts';
import { alone, meetingsList } from './table.ts';

const situations = [...sales, ...restorations, ...deliveries];

test('every statement of the steps arrives in a situation, but those that meet nothing', async () => {
  const arriving = situations.flatMap(({ arrivals }) => arrivals.map(({ statement }) => statement));
  const all = (await statementPaths()).map((path) => path.replace(/^lambdas.(.*)\.sql$/, '$1'));
  expect([...new Set(arriving), ...Object.keys(alone)].sort()).toEqual(all);
});

test('docs/database.md shows which statements meet', async () => {
  const page = await readFile('docs/database.md', 'utf8');
  const [, shown] = /<!-- meetings -->\n\n([\s\S]*)\n\n<!-- \/meetings -->/.exec(page) ?? [];
  expect(shown).toBe(meetingsList(situations));
});
