/** POST /unsubscribe/{proof}: the button of a mail program (RFC 8058), or of a page. */
import { z } from 'zod';
import { queryOne } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { log } from '../../platform/logging.ts';
import { settings } from '../../platform/settings.ts';
import { emailOfToken } from '../unsubscribe-token.ts';
import { unsubscribe } from './unsubscribe.sql';

const { ORDER_KEY_SECRET_ARN } = settings({ ORDER_KEY_SECRET_ARN: z.string() });

const unknown = () =>
  clientError(
    'unknown_unsubscribe',
    'We cannot read this link. Please copy all of it from your email, or just answer that email.',
    { status: 404 },
  );

/** The body is not read: mail programs post `List-Unsubscribe=One-Click`, a page posts nothing. */
export const handler = apiHandler(async ({ path, ipAddress, userAgent }) => {
  const emailId = await emailOfToken(ORDER_KEY_SECRET_ARN, path.proof ?? '');
  if (!emailId) throw unknown();
  const { known } = await queryOne(unsubscribe, { emailId, ipAddress, userAgent });
  if (!known) throw unknown();
  log.info('unsubscribed', { emailId });
  return { status: 200, body: { unsubscribed: true } };
});
