import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { applyMigrations } from '../../schema/migrate/apply.ts';
import type { MigrationDatabase } from '../../schema/migrate/database-port.ts';
import { parseMigration } from '../../schema/migrate/migrations.ts';
import { plainDatabase } from '../../schema/migrate/plain-database.ts';
import { ensureStepRole } from '../../schema/migrate/step-roles.ts';
import { type TestDatabase, testDatabase } from './database.ts';

const first = parseMigration(
  '0001_notes.sql',
  'create table restoreclick.notes (id int primary key, text text);',
);
const second = parseMigration(
  '0002_first_note.sql',
  `insert into restoreclick.notes values (1, current_setting('app.actor')); -- no more`,
);
const third = parseMigration('0003_more.sql', `insert into restoreclick.notes values (2, 'b');`);

let own: TestDatabase;
let database: MigrationDatabase;
beforeEach(async () => {
  own = await testDatabase({ empty: true });
  database = plainDatabase(own.pool('admin'));
});
afterEach(() => own.drop());

const rows = async (sql: string) => (await own.pool('admin').query(sql)).rows;
const notes = () => rows('select id, text from restoreclick.notes order by id');
const versions = async () =>
  (await rows('select version from restoreclick.schema_migrations order by version')).map(
    ({ version }) => version,
  );

describe('migrations', () => {
  test('are applied in order, each once, by an actor of their own', async () => {
    await expect(applyMigrations(database, [first, second])).resolves.toEqual({
      applied: ['0001_notes.sql', '0002_first_note.sql'],
      alreadyApplied: 0,
      unknown: 0,
    });
    await expect(applyMigrations(database, [first, second])).resolves.toEqual({
      applied: [],
      alreadyApplied: 2,
      unknown: 0,
    });
    await expect(notes()).resolves.toEqual([{ id: 1, text: 'migration:0002' }]);
    await expect(
      rows('select * from restoreclick.schema_migrations order by version limit 1'),
    ).resolves.toEqual([
      {
        version: 1,
        name: 'notes',
        checksum: first.checksum,
        applied_at: expect.any(Date),
        applied_by: 'restoreclick_admin',
        duration_ms: expect.any(Number),
      },
    ]);
  });

  test('are applied once by many runs at once', async () => {
    const reports = await Promise.all(
      [1, 2, 3, 4].map(() => applyMigrations(database, [first, second, third])),
    );
    expect(reports.flatMap(({ applied }) => applied).sort()).toEqual([first.file, second.file, third.file]);
    await expect(notes()).resolves.toHaveLength(2);
  });

  test('that were changed since they were applied are refused, and then none is applied', async () => {
    await applyMigrations(database, [first]);
    const changed = parseMigration(first.file, 'create table restoreclick.notes (id bigint primary key);');
    await expect(applyMigrations(database, [changed, second])).rejects.toThrow(
      '0001_notes.sql was changed after it had been applied.',
    );
    await expect(notes()).resolves.toEqual([]);
  });

  test("are the same with another system's line ends", () => {
    expect(parseMigration('0001_a.sql', 'select 1;\r\n').checksum).toBe(
      parseMigration('0001_a.sql', 'select 1;\n').checksum,
    );
  });

  test('of a newer bundle stay, when an older one comes back', async () => {
    await applyMigrations(database, [first, second, third]);
    await expect(applyMigrations(database, [first])).resolves.toEqual({
      applied: [],
      alreadyApplied: 3,
      unknown: 2,
    });
    await expect(notes()).resolves.toHaveLength(2);
  });

  test('that fail leave nothing of themselves, and those before them stay', async () => {
    const broken = parseMigration(
      '0002_broken.sql',
      `insert into restoreclick.notes values (7, 'x'); select 1 / 0;`,
    );
    await expect(applyMigrations(database, [first, broken, third])).rejects.toThrow(
      '0002_broken.sql could not be applied: division by zero',
    );
    await expect(notes()).resolves.toEqual([]);
    await expect(versions()).resolves.toEqual([1]);
    await expect(applyMigrations(database, [first, second, third])).resolves.toMatchObject({
      applied: [second.file, third.file],
    });
  });

  test('that cannot have a lock let others through, and come back', async () => {
    await applyMigrations(database, [first]);
    const holder = await own.pool('admin').connect();
    await holder.query('begin; lock table restoreclick.notes in access exclusive mode');
    let tries = 0;
    const watched: MigrationDatabase = {
      ...database,
      async transaction(work) {
        tries += 1;
        if (tries === 2) await holder.query('commit');
        return database.transaction(work);
      },
    };
    await expect(applyMigrations(watched, [first, second], 50)).resolves.toMatchObject({
      applied: [second.file],
    });
    expect(tries).toBe(2);
    holder.release();
  });

  test.each([
    ['no number', 'notes.sql'],
    ['too short a number', '1_notes.sql'],
    ['no name', '0001.sql'],
  ])('are refused with %s', (_, file) => {
    expect(() => parseMigration(file, '')).toThrow(`${file} is not named like a migration`);
  });
});

describe('a migration outside of a transaction', () => {
  const index = parseMigration(
    '0002_index.sql',
    `-- migrate: no-transaction
     drop index concurrently if exists restoreclick.notes_text;
     create unique index concurrently notes_text on restoreclick.notes (text);`,
  );
  const claimedAgo = (interval: string) =>
    rows(`insert into restoreclick.schema_migrations (version, name, checksum, applied_at)
          values (2, 'index', '${index.checksum}', now() - interval '${interval}')`);

  test('may build an index concurrently', async () => {
    await expect(applyMigrations(database, [first, index])).resolves.toMatchObject({
      applied: [first.file, index.file],
    });
    await expect(applyMigrations(database, [first, index])).resolves.toMatchObject({ applied: [] });
    await expect(
      rows(`select indisvalid from pg_index where indexrelid = 'restoreclick.notes_text'::regclass`),
    ).resolves.toEqual([{ indisvalid: true }]);
  });

  test('that failed is applied again by the next run', async () => {
    const twice = parseMigration(
      '0003_twice.sql',
      `insert into restoreclick.notes values (1, 'same'), (2, 'same');`,
    );
    await applyMigrations(database, [first, twice]);
    await expect(applyMigrations(database, [first, index, twice])).rejects.toThrow(
      '0002_index.sql could not be applied',
    );
    await rows('update restoreclick.notes set text = id::text');
    await expect(applyMigrations(database, [first, index, twice])).resolves.toMatchObject({
      applied: [index.file],
    });
  });

  const build = 'create unique index concurrently if not exists notes_text on restoreclick.notes (text);';
  const careless = parseMigration('0003_index.sql', `-- migrate: no-transaction\n${build}`);
  const same = parseMigration('0002_same.sql', `insert into restoreclick.notes values (1, 'a'), (2, 'a');`);
  const valid = () =>
    rows(`select indisvalid from pg_index where indexrelid = to_regclass('restoreclick.notes_text')`);

  test('repairs an index that a killed build left invalid, under whose name none would be made', async () => {
    await applyMigrations(database, [first, same]);
    await expect(rows(build)).rejects.toThrow('could not create unique');
    await expect(valid()).resolves.toEqual([{ indisvalid: false }]);
    await rows('update restoreclick.notes set text = id::text');
    await expect(applyMigrations(database, [first, same, careless])).resolves.toMatchObject({
      applied: [careless.file],
    });
    await expect(valid()).resolves.toEqual([{ indisvalid: true }]);
  });

  /** The statements that were run, and a database that answers each of them with an error. */
  const lying = (does: (sql: string) => Promise<unknown>) => {
    const said: string[] = [];
    const liar: MigrationDatabase = {
      ...database,
      async executeLong(sql) {
        said.push(sql);
        await does(sql);
        throw new Error('It did not work.');
      },
    };
    return { said, liar };
  };
  const filled = parseMigration(
    '0002_filled.sql',
    `insert into restoreclick.notes values (1, 'a'), (2, 'b');`,
  );

  test('goes on after an error, when the catalogue has the index', async () => {
    const { said, liar } = lying(database.executeLong);
    await expect(applyMigrations(liar, [first, filled, careless])).resolves.toMatchObject({
      applied: [first.file, filled.file, careless.file],
    });
    expect(said).toEqual([expect.stringContaining('index concurrently')]);
    await expect(valid()).resolves.toEqual([{ indisvalid: true }]);
  });

  test('goes on after an error of a drop, when the catalogue has the index no more', async () => {
    await applyMigrations(database, [first, filled, careless]);
    const { liar } = lying(database.executeLong);
    const drop = parseMigration(
      '0004_drop.sql',
      '-- migrate: no-transaction\ndrop index concurrently restoreclick.notes_text;',
    );
    await expect(applyMigrations(liar, [first, filled, careless, drop])).resolves.toMatchObject({
      applied: [drop.file],
    });
    await expect(valid()).resolves.toEqual([]);
  });

  test('fails with the database’s own answer when there is no index after two tries', async () => {
    const { said, liar } = lying(async () => undefined);
    await expect(applyMigrations(liar, [first, filled, careless])).rejects.toThrow('It did not work.');
    expect(said).toHaveLength(2);
  });

  test('builds it plainly on an empty table', async () => {
    const { said, liar } = lying(database.executeLong);
    await applyMigrations(liar, [first, careless]);
    expect(said).toEqual([expect.not.stringContaining('concurrently')]);
    await expect(valid()).resolves.toEqual([{ indisvalid: true }]);
  });

  test('is left to the run that has begun it', async () => {
    await applyMigrations(database, [first]);
    await claimedAgo('5 minutes');
    await expect(applyMigrations(database, [first, index])).rejects.toThrow(
      'is being applied by another run',
    );
  });

  test('is taken over from a run that died', async () => {
    await applyMigrations(database, [first]);
    await claimedAgo('16 minutes');
    await expect(applyMigrations(database, [first, index])).resolves.toMatchObject({ applied: [index.file] });
  });
});

test('a failed login, whatever it says, has the role given its password, and no more', async () => {
  const login = { username: `steps_${randomUUID().slice(0, 8)}`, password: 'right' };
  const odd = [new Error('Service Unavailable'), new Error('FATAL: no pg_hba.conf entry')];
  const logIn = async () => {
    const error = odd.shift();
    if (error) throw error;
  };
  await expect(ensureStepRole(database, 'restoreclick_work', login, logIn)).rejects.toThrow('pg_hba');
  await expect(ensureStepRole(database, 'restoreclick_work', login, logIn)).resolves.toBe(false);
  await rows(`drop role ${login.username}`);
});
