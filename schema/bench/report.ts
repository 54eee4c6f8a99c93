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

export const budgets = {
  read: { buffers: 30, buffersAPhoto: 10, p50: 0.5 },
  write: { buffers: 200, buffersAPhoto: 50, p50: 2 },
  ratio: 1.5,
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

/** What of the budgets that cost does not meet, in words; empty when it meets them all. What was not measured is not met. */
export function misses(cost: Cost, largeTables: ReadonlySet<string>, smaller?: Cost): string[] {
  const budget = budgets[cost.isRead ? 'read' : 'write'];
  const most = budget.buffers + budget.buffersAPhoto * cost.photos;
  const scans = cost.scanned.filter((table) => largeTables.has(table));
  const grown = smaller ? growth(cost, smaller) : undefined;
  return [
    ...(!(cost.buffers <= most) ? [`buffers > ${most}`] : []),
    ...(cost.photos === 1 && !(cost.p50 <= budget.p50) ? [`p50 > ${budget.p50} ms`] : []),
    ...scans.map((table) => `seq scan of ${table}`),
    ...(grown && !(grown.buffers <= budgets.ratio) ? [`buffers × ${grown.buffers.toFixed(2)}`] : []),
    ...(grown && !(grown.time <= budgets.ratio) ? [`time × ${grown.time.toFixed(2)}`] : []),
  ];
}

/**
 * How much more it costs than in the smaller database. The time of each run is compared with that of the smaller database's run beside it,
 * and the median of these ratios told: thirty runs are over in a second, and a second in which the machine is slow doubles a p50.
 */
export const growth = (cost: Cost, smaller: Cost) => ({
  time: median(cost.times.map((ms, at) => ms / (smaller.times[at] ?? Number.NaN)).filter(Number.isFinite)),
  buffers: cost.buffers / Math.max(1, smaller.buffers),
});

/** The table as lines. */
export function table(costs: Cost[], largeTables: ReadonlySet<string>, smaller: Cost[]): string[] {
  const lines = costs.map((cost) => {
    const before = smaller.find(
      ({ statement, photos }) => statement === cost.statement && photos === cost.photos,
    );
    const grown = before && growth(cost, before);
    const missed = misses(cost, largeTables, before);
    return [
      cost.statement,
      String(cost.photos),
      String(cost.runs),
      cost.p50.toFixed(2),
      cost.p99.toFixed(2),
      cost.planMs.toFixed(2),
      cost.runMs.toFixed(2),
      cost.cold.toFixed(2),
      cost.client.toFixed(2),
      cost.buffers.toFixed(0),
      String(cost.mostBuffers),
      cost.rows.toFixed(1),
      grown ? `${grown.time.toFixed(2)}` : '',
      grown ? `${grown.buffers.toFixed(2)}` : '',
      missed.length === 0 ? 'met' : `NOT MET: ${missed.join(', ')}`,
      cost.nodes.join(', '),
    ];
  });
  const head = [
    'statement',
    'photos',
    'runs',
    'p50 ms',
    'p99 ms',
    'plan',
    'run',
    'cold',
    'client',
    'buffers',
    'most',
    'rows',
    '× ms',
    '× buffers',
    'budget',
    'nodes',
  ];
  const all = [head, ...lines];
  const widths = head.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const isText = (at: number) => at === 0 || at >= 14;
  const pad = (cell: string, at: number) =>
    isText(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return all.map((line) => line.map(pad).join('  ').trimEnd());
}
