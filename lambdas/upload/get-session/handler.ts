/** GET /api/upload/{session}: what has arrived, what was refused and why, and the price so far. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { apiHandler } from '../../platform/http.ts';
import { count, settings } from '../../platform/settings.ts';
import { toMajor } from '../../providers/money.ts';
import { refusals } from '../photo-types.ts';
import { sessionParameter, unknownSession } from '../session-parameter.ts';
import { session } from './session.sql';

const { PRICE_CENTS, CURRENCY } = settings({ PRICE_CENTS: count, CURRENCY: z.string() });

type State = 'waiting' | 'arrived' | 'refused' | 'expired';

function stateOf(status: string, late: boolean): State {
  if (status === 'deleted') return 'refused';
  if (status === 'expired' || (late && status !== 'moved_to_permanent')) return 'expired';
  return status === 'pending' ? 'waiting' : 'arrived';
}

const reasonOf = (code: string | null) =>
  code && code in refusals ? refusals[code as keyof typeof refusals] : undefined;

export const handler = apiHandler(async (request) => {
  const sessionId = sessionParameter(request);
  const rows = await query(session, { sessionId });
  const [first] = rows;
  if (!first) throw unknownSession();
  const photos = rows.map((row) => ({
    id: row.id,
    name: row.originalFilename,
    state: stateOf(row.status, row.late),
    ...(row.refusalCode ? { reason: row.refusalCode, detail: reasonOf(row.refusalCode) } : {}),
    ...(row.width && row.height ? { width: row.width, height: row.height } : {}),
  }));
  const arrived = photos.filter(({ state }) => state === 'arrived').length;
  return {
    status: 200,
    body: {
      sessionId,
      expiresAt: first.expiresAt,
      ordered: first.ordered,
      photos,
      price: {
        currency: CURRENCY,
        each: toMajor(PRICE_CENTS, CURRENCY),
        photos: arrived,
        total: toMajor(PRICE_CENTS * arrived, CURRENCY),
      },
    },
  };
});
