/**
 * What runs locally is a copy of a bundle: a debugger must still find the file that the code was
 * written in.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { ask } from '../jest/ask.ts';

test('the source maps of the assembly that runs locally lead to the sources', async () => {
  const { assembly } = await ask<{ assembly: string }>('RESTORECLICK_TEST_ASSEMBLY');
  const paths = await readdir(assembly, { recursive: true });
  const maps = paths.filter((path) => path.endsWith('.mjs.map')).map((path) => join(assembly, path));
  expect(maps.length).toBeGreaterThan(0);
  for (const map of maps) {
    const { sources }: { sources: string[] } = JSON.parse(await readFile(map, 'utf8'));
    const handler = sources.find((source) => source.endsWith('/handler.ts')) ?? 'none';
    expect(existsSync(resolve(dirname(map), handler))).toBe(true);
  }
});
