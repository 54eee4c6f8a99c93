/** npm run reset: forgets all that the local system keeps. */
import { join } from 'node:path';
import { reset } from '../local/run.ts';
import { command, readOptions } from './command-line.ts';

await command(async () => {
  readOptions({}, 'npm run reset takes no options.');
  await reset(join(import.meta.dirname, '..', '.local'), (line) => console.log(line));
  console.log('The local system’s data is gone; the next npm start begins anew.');
});
