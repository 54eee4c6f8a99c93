/** Which statements meet, as docs/database.md shows it. */
import { wrapped } from '../../../bin/error-codes-page.ts';
import type { Arrival } from './arrivals.ts';
import type { Situation } from './situation.ts';

/** What meets nothing, and why. */
export const alone = {
  'download/build-archive/hold': 'it prolongs or ends the lease of the one run that holds it',
  'operations/reconcile/archive': 'it moves old rows of the audit, which no other statement reads or writes',
  'operations/reconcile/faults': 'it looks at orders that have rested for a while',
  'upload/renew-session/waiting': 'it reads what get-session reads, of the same rows',
  'upload/create-session/create': 'nobody knows the session before it has answered',
};

/** Each two of them once, and each with itself. */
export function pairsOf({ arrivals }: Situation): [Arrival, Arrival][] {
  return arrivals.flatMap((one, at) => arrivals.slice(at).map((other): [Arrival, Arrival] => [one, other]));
}

/** `place-order/place` */
const stepOf = ({ statement }: Arrival) => statement.split('/').slice(1).join('/');

export const nameOf = (arrival: Arrival) => stepOf(arrival) + (arrival.how && ` (${arrival.how})`);

/** An entry a situation: each of its statements once, with the ways in which it arrives. */
export function meetingsList(situations: Situation[]): string {
  const entries = situations.map((situation) => {
    const { name, arrivals } = situation;
    const steps = [...new Set(arrivals.map(stepOf))].sort().map((step) => {
      const ways = arrivals
        .filter((arrival) => stepOf(arrival) === step && arrival.how)
        .map(({ how }) => how);
      return `\`${step}\`${ways.length > 0 ? ` (${ways.join('; ')})` : ''}`;
    });
    return wrapped(`- **${name}** (${pairsOf(situation).length} pairs): ${steps.join(', ')}`);
  });
  const all = situations.reduce((sum, situation) => sum + pairsOf(situation).length, 0);
  const exceptions = Object.entries(alone).map(([statement, why]) => `- \`${statement}\`: ${why}`);
  return [...entries, '', `${all} pairs in all. What meets nothing:`, '', ...exceptions].join('\n');
}
