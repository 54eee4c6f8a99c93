/** Webhooks: verified by a secret that may be renewed, and counted. */
import { StepError } from './errors.ts';
import { log } from './logging.ts';
import { renewed } from './secrets.ts';

const isRefusal = (error: unknown) =>
  error instanceof StepError && ['signature_invalid', 'webhook_secret_missing'].includes(error.code);

/**
 * What `verify` answers; asked once more if the secret was renewed meanwhile. One line tells how it
 * went: a wrong secret refuses every event, and the alarm is made of these lines.
 */
export async function verified<T>(
  provider: 'stripe' | 'sendgrid',
  secretArn: string,
  verify: () => Promise<T>,
): Promise<T> {
  try {
    const events = await verify().catch(async (error: unknown) => {
      if (!isRefusal(error) || !(await renewed(secretArn))) throw error;
      return verify();
    });
    log.info('webhook accepted', { provider });
    return events;
  } catch (error) {
    if (isRefusal(error)) log.warn('webhook refused', { provider });
    throw error;
  }
}
