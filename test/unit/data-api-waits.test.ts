/** The migration waits for a cluster that does not answer yet, and for nothing else. */
import { BadRequestException, DatabaseErrorException } from '@aws-sdk/client-rds-data';
import { describe, expect, test } from '@jest/globals';
import { dataApiDatabase } from '../../schema/migrate/data-api.ts';

const target = { resourceArn: 'cluster', secretArn: 'secret', database: 'restoreclick' };

/** A Data API that answers each call with the next of these errors, and then as it should. */
function failing(errors: Error[]) {
  let calls = 0;
  const send = async () => {
    const error = errors[calls];
    calls += 1;
    if (error) throw error;
    return { records: [[{ longValue: 1 }]], columnMetadata: [{ name: 'one' }], transactionId: 't' };
  };
  return { client: { send } as never, calls: () => calls };
}
const named = (name: string) => Object.assign(new Error(`${name}: later.`), { name });

describe.each([
  'DatabaseResuming',
  'DatabaseUnavailable',
  'DatabaseNotFound',
  'HttpEndpointNotEnabled',
  'InvalidResourceState',
])('a cluster that says %s', (word) => {
  test.each([word, `${word}Exception`])('is asked again: %s', async (name) => {
    const { client, calls } = failing([named(name), named(name)]);
    const database = dataApiDatabase(target, client, 0);
    await expect(database.execute('select 1 as one')).resolves.toEqual([{ one: 1 }]);
    expect(calls()).toBe(3);
  });
});

test('a transaction begins when the cluster answers', async () => {
  const { client } = failing([named('HttpEndpointNotEnabledException')]);
  const database = dataApiDatabase(target, client, 0);
  await expect(database.transaction((execute) => execute('select 1 as one'))).resolves.toEqual([{ one: 1 }]);
});

test('the waiting ends', async () => {
  const { client, calls } = failing(Array.from({ length: 100 }, () => named('DatabaseNotFoundException')));
  await expect(dataApiDatabase(target, client, 0).execute('select 1')).rejects.toThrow('later');
  expect(calls()).toBe(60);
});

test.each([
  new BadRequestException({ message: 'no', $metadata: {} }),
  new DatabaseErrorException({ message: 'ERROR: no; SQLState: 28P01', $metadata: {} }),
])('%s is an answer', async (error) => {
  const { client, calls } = failing([error]);
  await expect(dataApiDatabase(target, client, 0).execute('select 1')).rejects.toThrow('no');
  expect(calls()).toBe(1);
});
