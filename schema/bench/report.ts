/** Holds what was measured against the budgets, and prints it. */
import type { Sample } from './measure.ts';

/** What one statement cost for orders of that many photos. */
export type Cost = {
  statement: string;
  isRead: boolean;
  photos: number;
  runs: number;
  /** Of the server's time: planning and execution, triggers included, in ms. */
  p50: number;
  p99: number;
  /** Medians of its two parts. */
  planMs: number;
  runMs: number;
  /** The server's, of each run, in the order of the runs. */
  times: number[];
  /** The p50 on a connection that has forgotten its plans. */
  cold: number;
  /** The p50 as its client sees it: with driver, loopback, parsing and commit. */
  client: number;
  /** The mean; a page that splits now and then is not the statement's fault. */
  buffers: number;
  mostBuffers: number;
  rows: number;
  nodes: string[];
  scanned: string[];
};

/**
 * Reads one order by its key: what all others' times are compared with, since it takes turns with
 * them.
 */
const yardstick = 'order/claim-order/claim';

/**
 * Times are multiples of the yardstick's. It took 0.08 ms where a write was to take 2 ms and
 * placing an order 3.
 */
export const budgets = {
  read: { buffers: 30, buffersAPhoto: 10, time: 6 },
  write: { buffers: 200, buffersAPhoto: 50, time: 25 },
  placing: { statement: 'payment/place-order/place', time: 37 },
  growth: 1.5,
  auditRowBytes: 350,
  retries: 0.005,
};

/**
 * One for each statement and number of photos, by name.
 * @param cold what the same took on connections that forget their plans
 */
export function costsOf(samples: Sample[], cold: Sample[] = []): Cost[] {
  const coldGroups = groupsOf(cold);
  return [...groupsOf(samples)]
    .flatMap(([key, group]) => costOf(group, coldGroups.get(key) ?? []))
    .sort((a, b) => a.photos - b.photos || a.statement.localeCompare(b.statement));
}

function groupsOf(samples: Sample[]): Map<string, Sample[]> {
  const groups = new Map<string, Sample[]>();
  for (const one of samples) {
    const key = `${one.statement} ${one.photos}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
}

function costOf(group: Sample[], cold: Sample[]): Cost[] {
  const [first] = group;
  if (!first) return [];
  const times = serverTimes(group);
  const sorted = times.toSorted((a, b) => a - b);
  const buffers = group.flatMap((one) => one.buffers ?? []);
  const { statement, isRead, photos } = first;
  return [
    {
      statement,
      isRead,
      photos,
      runs: group.length,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      planMs: median(group.flatMap(({ planMs }) => planMs ?? [])),
      runMs: median(group.flatMap(({ runMs }) => runMs ?? [])),
      times,
      cold: median(serverTimes(cold)),
      client: median(group.flatMap(({ ms }) => ms ?? [])),
      buffers: mean(buffers),
      mostBuffers: Math.max(0, ...buffers),
      rows: mean(group.map(({ rows }) => rows)),
      nodes: [...new Set(group.flatMap(({ nodes }) => nodes ?? []))],
      scanned: [...new Set(group.flatMap(({ scanned }) => scanned ?? []))],
    },
  ];
}

const serverTimes = (group: Sample[]) =>
  group.flatMap(({ planMs, runMs }) => (planMs === undefined || runMs === undefined ? [] : planMs + runMs));

const mean = (numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
const quantile = (sorted: number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const median = (numbers: number[]) =>
  quantile(
    numbers.toSorted((a, b) => a - b),
    0.5,
  );

/**
 * What of the budgets that cost does not meet, in words; empty when it meets them all. What was not
 * measured is not met.
 */
export function misses(
  cost: Cost,
  largeTables: ReadonlySet<string>,
  yardstickMs: number,
  smaller?: Cost,
): string[] {
  const budget = budgets[cost.isRead ? 'read' : 'write'];
  const { time } = cost.statement === budgets.placing.statement ? budgets.placing : budget;
  const most = budget.buffers + budget.buffersAPhoto * cost.photos;
  const scans = cost.scanned.filter((table) => largeTables.has(table));
  const grown = smaller ? growth(cost, smaller) : undefined;
  return [
    ...(!(cost.buffers <= most) ? [`buffers > ${most}`] : []),
    ...(cost.photos === 1 && !(cost.p50 / yardstickMs <= time) ? [`time > ${time} yardsticks`] : []),
    ...scans.map((table) => `seq scan of ${table}`),
    ...(grown && !(grown.buffers <= budgets.growth) ? [`buffers × ${grown.buffers.toFixed(2)}`] : []),
    ...(grown && !(grown.time <= budgets.growth) ? [`time × ${grown.time.toFixed(2)}`] : []),
  ];
}

/** The p50 of the yardstick among these costs, in ms. */
export const yardstickOf = (costs: Cost[]): number =>
  costs.find(({ statement, photos }) => statement === yardstick && photos === 1)?.p50 ?? Number.NaN;

type Growth = { time: number; buffers: number };

/** The same statement for as many photos. */
export const twin = ({ statement, photos }: Cost, others: Cost[]): Cost | undefined =>
  others.find((other) => other.statement === statement && other.photos === photos);

/**
 * How much more it costs than in the smaller database. The time of each run is compared with that
 * of the smaller database's run beside it, and the median of these ratios told: thirty runs are
 * over in a second, and a second in which the machine is slow doubles a p50.
 */
const growth = (cost: Cost, smaller: Cost): Growth => ({
  time: median(cost.times.map((ms, at) => ms / (smaller.times[at] ?? Number.NaN)).filter(Number.isFinite)),
  buffers: cost.buffers / Math.max(1, smaller.buffers),
});

type Line = { cost: Cost; yardstickMs: number; grown: Growth | undefined; missed: string[] };

const texts = ['statement', 'budget', 'nodes'];
const columns: Record<string, (line: Line) => string> = {
  statement: ({ cost }) => cost.statement,
  photos: ({ cost }) => String(cost.photos),
  runs: ({ cost }) => String(cost.runs),
  yardsticks: ({ cost, yardstickMs }) => (cost.p50 / yardstickMs).toFixed(1),
  'p50 ms': ({ cost }) => cost.p50.toFixed(2),
  'p99 ms': ({ cost }) => cost.p99.toFixed(2),
  plan: ({ cost }) => cost.planMs.toFixed(2),
  run: ({ cost }) => cost.runMs.toFixed(2),
  cold: ({ cost }) => cost.cold.toFixed(2),
  client: ({ cost }) => cost.client.toFixed(2),
  buffers: ({ cost }) => cost.buffers.toFixed(0),
  most: ({ cost }) => String(cost.mostBuffers),
  rows: ({ cost }) => cost.rows.toFixed(1),
  '× ms': ({ grown }) => grown?.time.toFixed(2) ?? '',
  '× buffers': ({ grown }) => grown?.buffers.toFixed(2) ?? '',
  budget: ({ missed }) => (missed.length === 0 ? 'met' : `NOT MET: ${missed.join(', ')}`),
  nodes: ({ cost }) => cost.nodes.join(', '),
};

/** The table as lines. */
export function table(costs: Cost[], largeTables: ReadonlySet<string>, smaller: Cost[]): string[] {
  const yardstickMs = yardstickOf(costs);
  const lines = costs.map((cost): Line => {
    const before = twin(cost, smaller);
    const missed = misses(cost, largeTables, yardstickMs, before);
    return { cost, yardstickMs, grown: before && growth(cost, before), missed };
  });
  const cells = Object.entries(columns).map(([head, cell]) => {
    const column = [head, ...lines.map(cell)];
    const width = Math.max(...column.map((text) => text.length));
    return column.map((text) => (texts.includes(head) ? text.padEnd(width) : text.padStart(width)));
  });
  return [-1, ...lines.keys()].map((at) =>
    cells
      .map((column) => column[at + 1])
      .join('  ')
      .trimEnd(),
  );
}
