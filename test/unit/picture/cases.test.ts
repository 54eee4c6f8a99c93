import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { judge } from './siblings.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/pictures');

/** `| file | what is odd | taken as |`, as the fixtures' README has it. */
const readme = await readFile(join(fixtures, 'README.md'), 'utf8');
const rows = [...readme.matchAll(/^\| ([\w., ]+) \| .* \| (.*) \|$/gm)].slice(1);
const files = rows.flatMap(([, names = '', taken = '']) =>
  names.split(', ').map((name): [string, string] => [name, taken]),
);

const refusals: Record<string, string> = { 'tiny1x1.png': 'too_small', 'tiny8x8.png': 'too_small' };

test('the cases are all there', () => expect(files).toHaveLength(17));

describe('the case', () => {
  test.each(files)('%s is taken as %s', async (name, taken) => {
    const type = name.endsWith('.png') ? 'image/png' : 'image/jpeg';
    const expected = taken === '–' ? (refusals[name] ?? 'damaged') : `${taken} ${type}`;
    expect(await judge(await readFile(join(fixtures, name)))).toBe(expected);
  });
});
