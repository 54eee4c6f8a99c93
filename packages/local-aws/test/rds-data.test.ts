import {
  ExecuteSqlCommand,
  ExecuteStatementCommand,
  type ExecuteStatementCommandInput,
  type SqlParameter,
} from '@aws-sdk/client-rds-data';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { adminSecretArn, appSecretArn, clusterArn, openRdsData } from './rds-data-setup.ts';

const calls = ['rds-data:ExecuteStatement'];
const allow = (actions: string[], resource: string) => ({
  effect: 'Allow' as const,
  actions,
  resources: [resource],
  conditions: {},
});

let open: Awaited<ReturnType<typeof openRdsData>>;
beforeAll(async () => {
  const readsSecret = allow(['secretsmanager:GetSecretValue'], appSecretArn);
  open = await openRdsData({
    policies: {
      Step: [allow(calls, clusterArn), readsSecret],
      NoSecret: [allow(calls, clusterArn)],
      NoCluster: [readsSecret],
    },
    clockSetting: 'test.ahead',
  });
  const { app } = open.database.logins;
  await open.database.pool('superuser').query(
    `create table people (id uuid primary key, email varchar not null, name varchar);
     grant select, insert on people to ${app.username}`,
  );
});
afterAll(() => open.close());
beforeEach(() => open.rdsData.forgetStatements());

type Options = Partial<ExecuteStatementCommandInput> & { caller?: string };

function execute(sql: string, { caller, ...options }: Options = {}) {
  const command = new ExecuteStatementCommand({
    resourceArn: clusterArn,
    secretArn: appSecretArn,
    database: open.database.name,
    sql,
    ...options,
  });
  return open.client(caller).send(command);
}

/** The one value of the one row. */
async function value(sql: string, options: Options = {}) {
  const { records } = await execute(sql, options);
  return records?.[0]?.[0];
}

describe('results', () => {
  test.each([
    ['1::int2', { longValue: 1 }],
    ['9007199254740991::int8', { longValue: 9007199254740991 }],
    ['1.5::float8', { doubleValue: 1.5 }],
    ['true', { booleanValue: true }],
    ['null', { isNull: true }],
    [`'text'::varchar(10)`, { stringValue: 'text' }],
    ['12.50::numeric(10,2)', { stringValue: '12.50' }],
    [`uuid '6ffb4fd9-9e59-4a8e-90cd-6c2a4ab0ae0f'`, { stringValue: '6ffb4fd9-9e59-4a8e-90cd-6c2a4ab0ae0f' }],
    [`timestamptz '2026-11-22 10:00:00.25+02'`, { stringValue: '2026-11-22 08:00:00.25' }],
    [`timestamp '2026-11-22 10:00:00'`, { stringValue: '2026-11-22 10:00:00' }],
    [`'{"b": 1, "a": [null]}'::jsonb`, { stringValue: '{"a": [null], "b": 1}' }],
    [`'\\x0aff'::bytea`, { blobValue: new Uint8Array([10, 255]) }],
    [`array['a,b', null, '"']`, { arrayValue: { stringValues: ['a,b', null, '"'] } }],
    ['array[1, 2]', { arrayValue: { longValues: [1, 2] } }],
    ['array[true, false]', { arrayValue: { booleanValues: [true, false] } }],
    ['array[]::text[]', { arrayValue: { stringValues: [] } }],
    [
      'array[gen_random_uuid()]',
      { arrayValue: { stringValues: [expect.stringMatching(/^[0-9a-f-]{36}$/)] } },
    ],
  ])('%s is answered as AWS answers it', async (expression, field) => {
    await expect(value(`select ${expression}`)).resolves.toEqual(field);
  });

  test('carry metadata only when asked', async () => {
    const sql = 'select id, email as "mail!", 1 as n, name from people';
    const { records, columnMetadata } = await execute(sql, { includeResultMetadata: true });
    expect(records).toEqual([]);
    expect(
      columnMetadata?.map(({ name, label, typeName, nullable }) => [name, label, typeName, nullable]),
    ).toEqual([
      ['id', 'id', 'uuid', 0],
      ['mail!', 'mail!', 'varchar', 0],
      ['n', 'n', 'int4', 2],
      ['name', 'name', 'varchar', 1],
    ]);
    expect((await execute(sql)).columnMetadata).toBeUndefined();
  });

  test('of a statement that returns nothing are counted', async () => {
    const sql = `create table counted as select generate_series(1, 3) as n`;
    await execute(sql, { secretArn: adminSecretArn });
    const changed = await execute('update public.counted set n = n + 1', { secretArn: adminSecretArn });
    expect(changed).toMatchObject({ numberOfRecordsUpdated: 3, generatedFields: [] });
    expect(changed.records).toBeUndefined();
  });

  test('beyond 1 MiB, or with a row beyond 64 KB, are refused', async () => {
    const rows = (count: number, size: number) =>
      `select repeat('x', ${size}) from generate_series(1, ${count})`;
    await expect(execute(rows(100, 10_000))).resolves.toMatchObject({ numberOfRecordsUpdated: 0 });
    await expect(execute(rows(110, 10_000))).rejects.toMatchObject({ name: 'UnsupportedResultException' });
    await expect(execute(rows(1, 65_000))).resolves.toMatchObject({ numberOfRecordsUpdated: 0 });
    await expect(execute(rows(1, 66_000))).rejects.toMatchObject({ name: 'UnsupportedResultException' });
  });

  test('with a multidimensional array are refused', async () => {
    await expect(execute('select array[[1],[2]]')).rejects.toThrow('multidimensional');
  });
});

describe('parameters', () => {
  const given = (parameters: SqlParameter[]) => ({ parameters });

  test.each<[string, SqlParameter, object]>([
    ['pg_typeof(:p)::text', { name: 'p', value: { stringValue: 'x' } }, { stringValue: 'text' }],
    ['pg_typeof(:p)::text', { name: 'p', value: { longValue: 1 } }, { stringValue: 'bigint' }],
    ['pg_typeof(:p)::text', { name: 'p', value: { doubleValue: 1.5 } }, { stringValue: 'double precision' }],
    ['pg_typeof(:p)::text', { name: 'p', value: { booleanValue: true } }, { stringValue: 'boolean' }],
    [
      "encode(:p, 'hex')",
      { name: 'p', value: { blobValue: new Uint8Array([1, 255]) } },
      { stringValue: '01ff' },
    ],
    [
      'pg_typeof(:p)::text',
      { name: 'p', value: { stringValue: '1.5' }, typeHint: 'DECIMAL' },
      { stringValue: 'numeric' },
    ],
    [
      'pg_typeof(:p)::text',
      { name: 'p', value: { isNull: true }, typeHint: 'UUID' },
      { stringValue: 'uuid' },
    ],
    [
      '(:p::date + 1)::text',
      { name: 'p', value: { stringValue: '2026-02-28' } },
      { stringValue: '2026-03-01' },
    ],
    ['coalesce(:p::int, 7)', { name: 'p', value: { isNull: true } }, { longValue: 7 }],
  ])('%s of %j', async (expression, parameter, expected) => {
    await expect(value(`select ${expression}`, given([parameter]))).resolves.toEqual(expected);
  });

  test('are not looked for in quotes and comments, nor taken for casts', async () => {
    const sql = `select ':p' || $q$ :p $q$ || ":p" || :p || :p::text /* :q */ from (select 'c' as ":p") t -- :r`;
    await expect(value(sql, given([{ name: 'p', value: { stringValue: 'v' } }]))).resolves.toEqual({
      stringValue: ':p :p cvv',
    });
  });

  test('keep their values to themselves, whatever these look like', async () => {
    const stringValue = `'; drop table people; -- :p $1 \\`;
    await expect(value('select :p', given([{ name: 'p', value: { stringValue } }]))).resolves.toEqual({
      stringValue,
    });
  });

  test('that are missing, or arrays, are refused', async () => {
    await expect(execute('select :p')).rejects.toMatchObject({
      name: 'BadRequestException',
      message: 'Cannot find parameter: p',
    });
    const array = { name: 'p', value: { arrayValue: { stringValues: ['x'] } } };
    await expect(execute('select :p', given([array]))).rejects.toThrow('Array parameters are not supported');
  });
});

describe('errors', () => {
  test('carry the position and the SQLSTATE', async () => {
    const parameters = [{ name: 'id', value: { stringValue: 'x' } }];
    await expect(execute('select 1 from people where id = :id', { parameters })).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message: expect.stringMatching(
        /^ERROR: operator does not exist: uuid = text; Hint: .+; Position: 31; SQLState: 42883$/,
      ),
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('come for a second statement in the same call', async () => {
    await expect(execute('select 1; select 2')).rejects.toThrow('SQLState: 42601');
  });

  test('come from the schema: a column that may not be null', async () => {
    const sql = 'insert into people (id, email) select gen_random_uuid(), null';
    await expect(execute(sql)).rejects.toThrow(/null value in column "email".*SQLState: 23502$/);
  });

  test('are DatabaseResumingException while the cluster wakes up, as often as told', async () => {
    open.rdsData.resuming(1);
    await expect(execute('select 1')).rejects.toMatchObject({ name: 'DatabaseResumingException' });
    await expect(value('select 1')).resolves.toEqual({ longValue: 1 });
    open.rdsData.resuming(true);
    await expect(execute('select 1')).rejects.toMatchObject({ name: 'DatabaseResumingException' });
    await expect(execute('select 1')).rejects.toMatchObject({ name: 'DatabaseResumingException' });
    open.rdsData.resuming(false);
    await expect(value('select 1')).resolves.toEqual({ longValue: 1 });
  });

  test('say which call is not there', async () => {
    const command = new ExecuteSqlCommand({
      dbClusterOrInstanceArn: clusterArn,
      awsSecretStoreArn: appSecretArn,
      sqlStatements: 'select 1',
    });
    await expect(open.client().send(command)).rejects.toThrow('does not implement POST /ExecuteSql');
  });
});

describe('a caller', () => {
  test('needs the cluster and the secret in its policy', async () => {
    await expect(value('select 1', { caller: 'Step' })).resolves.toEqual({ longValue: 1 });
    await expect(execute('select 1', { caller: 'NoCluster' })).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('rds-data:ExecuteStatement'),
    });
    await expect(execute('select 1', { caller: 'NoSecret' })).rejects.toThrow(
      'secretsmanager:GetSecretValue',
    );
    await expect(execute('select 1', { caller: 'Step', secretArn: adminSecretArn })).rejects.toThrow(
      'not authorized',
    );
  });

  test("is the user of the secret, with that role's rights and isolation", async () => {
    const who = `select current_user || ' ' || current_setting('transaction_isolation')`;
    const { app, admin } = open.database.logins;
    await expect(value(who)).resolves.toEqual({ stringValue: `${app.username} serializable` });
    await expect(value(who, { secretArn: adminSecretArn })).resolves.toEqual({
      stringValue: `${admin.username} read committed`,
    });
    await expect(execute('delete from people')).rejects.toThrow('SQLState: 42501');
    await expect(execute('create table owned ()', { secretArn: adminSecretArn })).resolves.toBeDefined();
  });

  test('finds nothing of an earlier call in its session', async () => {
    const asAdmin = { secretArn: adminSecretArn };
    await execute(`set timezone = 'Asia/Tokyo'`, asAdmin);
    await execute('create temporary table mine ()', asAdmin);
    await execute('begin', asAdmin);
    for (let call = 0; call < 3; call += 1) {
      await expect(value(`select current_setting('timezone')`, asAdmin)).resolves.toEqual({
        stringValue: 'UTC',
      });
      await expect(value(`select to_regclass('mine')::text`, asAdmin)).resolves.toEqual({ isNull: true });
    }
  });

  test('is counted with its statements, not their values', async () => {
    const parameters = [{ name: 'p', value: { stringValue: 'secret' } }];
    await execute('select :p', { caller: 'Step', parameters });
    await execute('select 1 / 0', { caller: 'Step' }).catch(() => undefined);
    expect(open.rdsData.statements()).toEqual([
      { caller: 'Step', sql: 'select :p', ms: expect.any(Number) },
      { caller: 'Step', sql: 'select 1 / 0', ms: expect.any(Number), sqlstate: '22012' },
    ]);
  });

  test('is one of many at once', async () => {
    const many = Array.from({ length: 60 }, (_, n) => value(`select ${n}`));
    const answers = await Promise.all(many);
    expect(answers).toEqual(answers.map((_, n) => ({ longValue: n })));
    expect(open.faults).toEqual([]);
  });
});

test('the database follows the local clock, from a second on', async () => {
  const ahead = `select extract(epoch from coalesce(current_setting('test.ahead', true), '0')::interval)::int`;
  await expect(value(ahead)).resolves.toEqual({ longValue: 0 });
  open.clock.advance(90 * 60_000);
  await expect(value(ahead)).resolves.toEqual({ longValue: 5400 });
  await expect(value(ahead, { secretArn: adminSecretArn })).resolves.toEqual({ longValue: 5400 });
});
