/**
 * npm run statements: writes the types of every statement beside its .sql file, as PostgreSQL understands it.
 * `-- --release` instead notes statements and migrations as the release that the next one will meet: on releasing, never before.
 */
import { writeFile } from 'node:fs/promises';
import { startPostgres } from '../packages/local-aws/postgres/start.ts';
import { createMigratedDatabase } from '../schema/migrate/migrated-database.ts';
import { statementTypes } from '../schema/statements/files.ts';
import { noteRelease } from '../schema/statements/release.ts';
import { command, readOptions } from './command-line.ts';

async function writeTypes(): Promise<void> {
  const server = await startPostgres();
  try {
    const { app } = await createMigratedDatabase(server, 'statements');
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
