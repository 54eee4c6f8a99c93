/** PostgreSQL's errors in the Data API's words. */

import { ParameterError } from '@restoreclick/data-api';
import pg from 'pg';
import { AwsError } from '../gateway/index.ts';

/** `ERROR: …; Position: N; SQLState: 42883`; other errors stay as they are. */
export function databaseError(error: unknown): unknown {
  if (error instanceof ParameterError) return new AwsError('BadRequestException', error.message);
  if (!(error instanceof pg.DatabaseError)) return error;
  const { severity = 'ERROR', message, detail, hint, position, code } = error;
  const parts = [`${severity}: ${message}`];
  if (detail) parts.push(`Detail: ${detail}`);
  if (hint) parts.push(`Hint: ${hint}`);
  if (position) parts.push(`Position: ${position}`);
  parts.push(`SQLState: ${code}`);
  return new AwsError('DatabaseErrorException', parts.join('; '));
}

export const sqlstateOf = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined;
