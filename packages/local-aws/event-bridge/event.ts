/** An event on the default event bus, in EventBridge's envelope. */
import { randomUUID } from 'node:crypto';

export type EventBridgeEvent = {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  /** ISO 8601, whole seconds, UTC. */
  time: string;
  region: string;
  /** ARNs of what it is about. */
  resources: string[];
  detail: unknown;
};

/**
 * Puts a detail in the envelope.
 * @param about the ARN of what it is about, whose region and account the event gets
 * @param at ms since 1970
 */
export function eventAbout(
  about: string,
  { source, type, detail, at }: { source: string; type: string; detail: unknown; at: number },
): EventBridgeEvent {
  const [, , , region = '', account = ''] = about.split(':');
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': type,
    source,
    account,
    time: new Date(at).toISOString().replace(/\.\d+/, ''),
    region,
    resources: [about],
    detail,
  };
}
