/**
 * npm run statements: writes the types of every statement beside its .sql file, as PostgreSQL
 * understands it, and schema/schema.sql, as the migrations make it. `-- --release` instead notes
 * statements and migrations as the release that the next one will meet: on releasing, never before.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres } from '@restoreclick/local-aws';
import { schemaFile } from '../schema/drift/schema-file.ts';
import { createMigratedDatabase } from '../schema/migrate/migrated-database.ts';
import { plainDatabase } from '../schema/migrate/plain-database.ts';
import { statementTypes } from '../schema/statements/files.ts';
import { noteRelease } from '../schema/statements/release.ts';
import { command, readOptions } from './command-line.ts';

async function writeTypes(): Promise<void> {
  const server = await startPostgres();
  try {
    const { admin, app } = await createMigratedDatabase(server, 'statements');
    const text = await schemaFile(plainDatabase(server.pool('statements', admin)));
    await writeFile(join(import.meta.dirname, '..', 'schema', 'schema.sql'), text);
    const files = await statementTypes(server, 'statements', app);
    for (const file of files) {
      if ('text' in file) await writeFile(file.path, file.text);
      else {
        console.error(`${file.error.message}\n`);
        process.exitCode = 1;
      }
    }
    console.log(`${files.filter((file) => 'text' in file).length} of ${files.length} statements described.`);
  } finally {
    await server.stop();
  }
}

const usage = 'npm run statements takes one option, -- --release, when a version is released.';

await command(async () => {
  const { release } = readOptions({ release: { type: 'boolean', default: false } }, usage);
  await (release ? noteRelease() : writeTypes());
});
