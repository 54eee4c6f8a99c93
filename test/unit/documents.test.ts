import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '../..');
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: project,
  encoding: 'utf8',
});
const documents = listed.split('\n').filter((path) => path !== '' && existsSync(join(project, path)));
const read = (path: string) => readFileSync(join(project, path), 'utf8');

/** As GitHub names a heading's anchor. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading.replaceAll('`', '')));

describe.each(documents)('%s', (path) => {
  const text = read(path);

  test('has no line over 160 columns', () => {
    expect(text.split('\n').filter((line) => [...line].length > 160)).toEqual([]);
  });

  test('links to files and headings that are there', () => {
    const prose = text.replaceAll(/^```.*?^```/gms, '');
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = links.filter((target) => {
      if (/^(https?|mailto):/.test(target)) return false;
      const [file = '', anchor] = target.split('#');
      const found = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(project, found))) return true;
      return anchor !== undefined && found.endsWith('.md') && !anchorsOf(read(found)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

test('README is read in one go: at most 150 lines', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(151);
});

test('the tests that the architecture cites are there, and say what they are cited for', () => {
  const cited =
    /`((?:unit|schema|local|flow|infrastructure)\/[\w-]+|packages\/[\w-]+\/test\/[\w-]+)`(?:: \*([^*]+)\*)?/g;
  const wrong = [...read('docs/architecture.md').matchAll(cited)].flatMap(([whole, name = '', words]) => {
    const file = `${name.startsWith('packages/') ? '' : 'test/'}${name}.test.ts`;
    if (!existsSync(join(project, file))) return [`${whole}: there is no ${file}`];
    const says = words?.replace(/ …$/, '').replaceAll('’', "'");
    return says === undefined || read(file).replaceAll('’', "'").includes(says) ? [] : [whole];
  });
  expect(wrong).toEqual([]);
});

test('comments of the sources have at most 100 columns', () => {
  const sources = execFileSync('git', ['ls-files', '*.ts', '*.js', '*.sql', ':!*.d.sql.ts'], {
    cwd: project,
    encoding: 'utf8',
  });
  const isComment = (line: string) => /^\s*(\/\/|\/?\*|--)/.test(line);
  const long = sources
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(project, path)))
    .flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) => isComment(line) && [...line].length > 100)
        .map((line) => `${path}: ${line}`),
    );
  expect(long).toEqual([]);
});
