/** npm run reset: forgets all that the local system keeps. */
import { join } from 'node:path';
import { reset } from '../local/run.ts';

try {
  await reset(join(import.meta.dirname, '..', '.local'), (line) => console.log(line));
  console.log('The local system’s data is gone; the next npm start begins anew.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
