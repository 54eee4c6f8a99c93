import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const project = join(import.meta.dirname, '../..');

/** Every import of a file, static or not: `from '…'`, `import '…'`, `import('…')`. */
const imports = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g;

/** What each source file imports: paths from the project's folder, or packages. */
function importsBelow(folder: string): { file: string; imported: string }[] {
  return readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|js)$/.test(path))
    .flatMap((path) => {
      const file = join(folder, path).replaceAll(sep, '/');
      const text = readFileSync(join(project, file), 'utf8');
      return [...text.matchAll(imports)].map(([, name = '']) => ({
        file,
        imported: name.startsWith('.')
          ? relative(project, resolve(project, dirname(file), name)).replaceAll(sep, '/')
          : name,
      }));
    });
}

const all = ['bin', 'lib', 'lambdas', 'local', 'demo', 'schema'].flatMap(importsBelow);
const from = (folder: string) => all.filter(({ file }) => file.startsWith(`${folder}/`));
const breaking = (folder: string, ...forbidden: string[]) =>
  from(folder).filter(({ imported }) => forbidden.some((other) => imported.startsWith(`${other}/`)));

describe('the layers', () => {
  test('are read whole', () => {
    expect(from('lambdas').length).toBeGreaterThan(100);
    expect(from('local').length).toBeGreaterThan(100);
  });

  test.each([
    ['lambdas', ['lib', 'local', 'demo', 'bin', 'test']],
    ['local', ['lib', 'lambdas', 'demo', 'bin', 'test']],
    ['lib', ['demo', 'bin', 'test']],
    ['lib/constructs', ['lambdas', 'local', 'demo', 'bin', 'test']],
    ['schema', ['lib', 'lambdas', 'local', 'demo', 'bin', 'test']],
    ['demo', ['lib', 'lambdas', 'local', 'bin', 'test']],
  ])('%s imports nothing of %j', (folder, forbidden) => {
    expect(breaking(folder, ...forbidden)).toEqual([]);
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
