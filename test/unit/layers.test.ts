import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '../..');

/** Every import of a file, static or not: `from '…'`, `import '…'`, `import('…')`. */
const imports = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g;

/** A package of ours by its name is its door; what it offers to tests lies behind `test/`. */
const packageOf = (name: string) =>
  name
    .replace(/^@restoreclick\/([\w-]+)$/, 'packages/$1/index.ts')
    .replace(/^@restoreclick\/([\w-]+)\/test\/([\w-]+)$/, 'packages/$1/test/$2-setup.ts');

/** What each source file imports: paths from the project's folder, or packages. */
function importsBelow(folder: string): { file: string; imported: string; name: string }[] {
  return readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|js)$/.test(path))
    .flatMap((path) => {
      const file = join(folder, path).replaceAll(sep, '/');
      const text = readFileSync(join(project, file), 'utf8');
      return [...text.matchAll(imports)].map(([, name = '']) => ({
        file,
        imported: name.startsWith('.')
          ? relative(project, resolve(project, dirname(file), name)).replaceAll(sep, '/')
          : packageOf(name),
        name,
      }));
    });
}

const folders = ['bin', 'lib', 'lambdas', 'local', 'packages', 'demo', 'schema'];
const isTest = (path: string) => /(^|\/)test\//.test(path);
const everything = [...folders, 'test'].flatMap(importsBelow);
const all = everything.filter(({ file }) => !isTest(file));
const from = (folder: string) => all.filter(({ file }) => file.startsWith(`${folder}/`));

/** What each folder may import besides itself; a statement's text is no code of its step. */
const mayImport: Record<string, string[]> = {
  'packages/data-api': [],
  'packages/local-aws': ['packages/data-api'],
  'packages/doubles': ['packages/local-aws'],
  'schema/sql': ['packages/data-api'],
  schema: ['packages/data-api', 'packages/local-aws'],
  lambdas: ['packages/data-api', 'schema/migrate', 'schema/statements/statement.ts'],
  lib: ['lambdas', 'schema/sql', 'schema/migrate/step-roles.ts', 'packages/data-api'],
  'lib/constructs': ['lib/settings.ts', 'lambdas/platform/object-keys.ts', 'schema/migrate/step-roles.ts'],
  local: ['packages/local-aws', 'packages/doubles'],
  demo: [],
  bin: ['lib', 'lambdas', 'schema', 'local', 'demo', 'packages/local-aws'],
};

/** Every file that one file leads to, through the imports of our own files. */
function circleFrom(start: string, edges: Map<string, string[]>): string[] | undefined {
  const seen = new Set<string>();
  const open = [[start]];
  for (let path = open.pop(); path; path = open.pop()) {
    for (const next of edges.get(path.at(-1) ?? '') ?? []) {
      if (next === start) return [...path, next];
      if (!seen.has(next)) open.push([...path, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/** The packages whose every folder has an index.ts as its one door. */
const packages = ['packages/data-api', 'packages/local-aws'];
const packageFolder = (path: string) => /^packages\/[\w-]+/.exec(path)?.[0] ?? '';
/**
 * `packages/local-aws/sqs/` of a file in it; the package itself of a file that lies in no folder.
 */
const room = (path: string) => /^packages\/[\w-]+\/([\w-]+\/)?/.exec(path)?.[0] ?? '';

describe('the packages', () => {
  const entering = everything.filter(
    ({ file, imported }) => packages.includes(packageFolder(imported)) && room(imported) !== room(file),
  );

  test('are entered by their name from outside', () => {
    const fromOutside = entering.filter(
      ({ file, imported }) => packageFolder(file) !== packageFolder(imported),
    );
    expect(fromOutside.length).toBeGreaterThan(40);
    expect(fromOutside.filter(({ name }) => name.startsWith('.'))).toEqual([]);
    expect(fromOutside.filter(({ file, imported }) => isTest(imported) && !isTest(file))).toEqual([]);
  });

  test('have one door a folder', () => {
    const doors = /^packages\/[\w-]+\/([\w-]+\/)?index\.ts$/;
    expect(entering.length).toBeGreaterThan(200);
    expect(entering.filter(({ imported }) => !doors.test(imported) && !isTest(imported))).toEqual([]);
  });

  test('have tests that need nothing of the product', () => {
    const theirs = everything.filter(({ file }) => packages.includes(packageFolder(file)));
    const foreign = ['test', ...folders].filter((folder) => folder !== 'packages');
    expect(theirs.filter(({ imported }) => foreign.includes(imported.split('/')[0] ?? ''))).toEqual([]);
  });
});

describe('the layers', () => {
  test('are read whole', () => {
    expect(from('lambdas').length).toBeGreaterThan(100);
    expect(from('packages').length).toBeGreaterThan(100);
    const tops = new Set(Object.keys(mayImport).map((folder) => folder.split('/')[0]));
    expect([...tops].sort()).toEqual([...folders].sort());
  });

  test.each(Object.entries(mayImport))('%s imports of ours only itself and %j', (folder, others) => {
    const ours = from(folder).filter(({ imported }) => folders.includes(imported.split('/')[0] ?? ''));
    const allowed = (imported: string) =>
      [folder, ...others].some((other) => imported === other || imported.startsWith(`${other}/`));
    const isStatement = (imported: string) => folder === 'schema' && /^lambdas\/.*\.sql$/.test(imported);
    expect(ours.filter(({ imported }) => !allowed(imported) && !isStatement(imported))).toEqual([]);
  });

  test('hold no circle', () => {
    const edges = new Map<string, string[]>();
    for (const { file, imported } of all) edges.set(file, [...(edges.get(file) ?? []), imported]);
    const circles = [...edges.keys()].flatMap((file) => {
      const circle = circleFrom(file, edges);
      return circle === undefined ? [] : [circle.join(' → ')];
    });
    expect(circles).toEqual([]);
  });

  test.each([
    [/^stripe($|\/)/, /^lambdas\/providers\/stripe[\w-]*\.ts$/],
    [/^replicate($|\/)/, /^lambdas\/providers\/replicate\.ts$/],
    [/^@sendgrid\//, /^lambdas\/providers\/sendgrid\.ts$/],
  ])('of the steps, packages like %s are imported by the adapter alone', (name, adapter) => {
    const importing = from('lambdas').filter(({ imported }) => name.test(imported));
    expect(importing.length).toBeGreaterThan(0);
    expect(importing.filter(({ file }) => !adapter.test(file))).toEqual([]);
  });

  test('give one file each to the database and the queues', () => {
    const users = (name: string) =>
      [
        ...new Set(
          from('lambdas')
            .filter(({ imported }) => imported === name)
            .map(({ file }) => file),
        ),
      ].sort();
    expect(users('@aws-sdk/client-sqs')).toEqual(['lambdas/platform/messages.ts']);
    expect(users('@aws-sdk/client-secrets-manager')).toEqual(['lambdas/platform/secrets.ts']);
  });

  test('have no default exports', () => {
    const files = [...new Set(all.map(({ file }) => file))];
    const withDefault = files.filter((file) =>
      /^export default\b|\bas default\b/m.test(readFileSync(join(project, file), 'utf8')),
    );
    expect(withDefault.filter((file) => !file.endsWith('.d.ts'))).toEqual([]);
  });

  test('import one step’s room from no other', () => {
    const room = (path: string) => /^lambdas\/\w+\/[\w-]+(?=\/)/.exec(path)?.[0];
    const visits = from('lambdas').filter(({ file, imported }) => {
      const target = room(imported);
      return target !== undefined && !/\/templates$/.test(target) && target !== room(file);
    });
    expect(visits).toEqual([]);
  });
});
