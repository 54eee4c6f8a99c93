import { expect, test } from '@jest/globals';
import { operatorsDatabase } from '../../local/operators-database.ts';

const nowhere = '/nowhere/.local';

test('a database is named by its address', async () => {
  const { config } = await operatorsDatabase(nowhere, 'postgres://anne@db.example/restoreclick');
  expect(config).toEqual({ connectionString: 'postgres://anne@db.example/restoreclick' });
});

test.each([
  ['nonsense', '--url takes the address of a database: postgres://user:password@host:5432/database'],
  [undefined, 'The local system has no database yet: npm start makes it. Another is named by --url.'],
])('%s is answered in a sentence', async (url, sentence) => {
  await expect(operatorsDatabase(nowhere, url)).rejects.toThrow(sentence);
});
