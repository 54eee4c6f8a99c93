/**
 * What two statements did together: their answers and all rows, without what is another each time,
 * and what must never be among it.
 */
import type { Rows } from './world.ts';

export type Answers = [object[], object[]];

/** Answers and rows as text, times and random values replaced by what they are, sorted. */
export type Outcome = { answers: [string[], string[]]; rows: string[] };

const time = /^\d{4}-\d\d-\d\d[ T]\d\d:/;
const orderNumber = /^\d{8}-\d{6,}$/;
const random = new Set([
  'token',
  'holder',
  'delaySeconds',
  'waitSeconds',
  'lookAgainSeconds',
  'processing_duration_ms',
]);

function plain(key: string, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (random.has(key)) return `some ${key}`;
  if (typeof value !== 'string') return value;
  if (time.test(value)) return 'a time';
  return orderNumber.test(value) ? 'a number' : value;
}

export function plainly(answers: Answers, rows: Rows): Outcome {
  const links = rowsOf(rows, 'download_links').map(({ id }) => String(id));
  const text = (value: unknown) =>
    links.reduce((all, id) => all.replaceAll(id, 'a link'), JSON.stringify(value, plain));
  const [first, second] = answers;
  return {
    answers: [first.map(text).sort(), second.map(text).sort()],
    rows: rows.map(text).sort(),
  };
}

const rowsOf = (rows: Rows, table: string) => rows.filter((row) => row.table === table).map(({ row }) => row);
const live = ['pending', 'queued', 'processing'];
const open = ['pending', 'uploaded', 'processing'];

/** How often the most frequent of them is there. */
function most(keys: unknown[]): number {
  const counts = new Map<unknown, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

const originals = (rows: Rows) => rowsOf(rows, 'images').filter(({ type }) => type === 'original');
const openPhotos = (rows: Rows) => originals(rows).filter(({ status }) => open.includes(String(status)));
const downloads = (rows: Rows) =>
  rowsOf(rows, 'download_links').reduce((sum, { download_count }) => sum + Number(download_count), 0);
const saying = (rows: object[], key: string) =>
  rows.filter((answer) => (answer as Record<string, unknown>)[key] === true);

/** What must never be, whoever came first, and is. */
export function faultsOf(before: Rows, after: Rows, answers: Answers): string[] {
  const orders = rowsOf(after, 'orders');
  const status = orders[0]?.status;
  const jobs = rowsOf(after, 'restoration_jobs');
  const restored = rowsOf(after, 'images').filter(({ type }) => type === 'restored');
  const emails = (type: string) =>
    rowsOf(after, 'email_queue').filter(({ email_type }) => email_type === type);
  const unlike = originals(after).filter(
    ({ id, status }) => (status === 'completed') !== restored.some((image) => image.parent_image_id === id),
  );
  const unasked = status === 'processing' && openPhotos(before).length > 0 && openPhotos(after).length === 0;
  const counted = answers.filter((rows) => saying(rows, 'counted').length > 0).length;
  const faults = {
    'two orders of a session': orders.length > 1,
    'two customers': rowsOf(after, 'customers').length > 1,
    'two jobs of a photo': most(jobs.map(({ original_image_id }) => original_image_id)) > 1,
    'a photo restored twice': most(restored.map(({ parent_image_id }) => parent_image_id)) > 1,
    'a restored photo without its image, or the reverse': unlike.length > 0,
    'an order without one confirmation': emails('order_confirmation').length !== orders.length,
    'two completions': emails('restoration_complete').length > 1,
    'an ended photo that is worked on': jobs.some(
      (job) =>
        live.includes(String(job.status)) &&
        !openPhotos(after).some(({ id }) => id === job.original_image_id),
    ),
    'a completed order with a photo open': status === 'completed' && openPhotos(after).length > 0,
    'nobody asked to complete the order': unasked && saying(answers.flat(), 'last').length === 0,
    'a cancelled order is worked on':
      cancelled(answers) && status === 'refunded' && jobs.some((job) => live.includes(String(job.status))),
    'a download miscounted': downloads(after) - downloads(before) !== counted,
  };
  return Object.entries(faults).flatMap(([fault, is]) => (is ? [fault] : []));
}

const cancelled = (answers: Answers) => answers.flat().some((answer) => 'cancelled' in answer);
