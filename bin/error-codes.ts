/** Writes the page of error codes anew. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodesFile, errorCodesPage } from './error-codes-page.ts';

await writeFile(join(import.meta.dirname, '..', errorCodesFile), errorCodesPage());
