/**
 * What a migration may not do while the previous release's code still runs and customers wait for
 * its locks.
 */

import { type SqlToken, sqlTokens } from '@restoreclick/data-api';
import type { Migration } from '../migrate/migrations.ts';

/**
 * Which comment excuses it, with its reason: `-- contract: no statement has read it since 0003`.
 */
type Excuse = 'contract' | 'small table';

/** Of statements as `bare` leaves them. */
const rules: [what: RegExp, excuse: Excuse, why: string][] = [
  [/^drop (table|view|sequence|schema)\b/, 'contract', 'the old code may use it'],
  [
    /^alter table .*\bdrop (?!constraint|not null|expression|identity)/,
    'contract',
    'the old code may use it',
  ],
  [/^alter .*\brename\b/, 'contract', 'the old code knows the old name'],
  [
    /^alter table .*\balter (column )?\S+ (set data )?type\b/,
    'contract',
    'it rewrites the table, and the old code knows the old type',
  ],
  [/\bset not null\b/, 'contract', 'the old code may leave it null'],
  [
    /^alter table .*\badd (?!(constraint|check|unique|primary|foreign|exclude)\b)(?![^,]*\bdefault\b)[^,]*\bnot null\b/,
    'contract',
    'the old code does not give it: it needs a default',
  ],
  [/^delete from status_transitions\b/, 'contract', 'the old code may make that move'],
  [/^revoke .*\bfrom (?!public\b)/, 'contract', 'the old code may need it'],
  [/^do\b/, 'contract', 'nobody sees what it does'],
  [
    /^create (unique )?index (?!concurrently\b)/,
    'small table',
    'nobody can write meanwhile: build it concurrently',
  ],
  [
    /^alter table .*\badd (constraint \S+ )?(unique|primary key|exclude)\b(?!.*\busing index\b)/,
    'small table',
    'nobody can read or write while its index is built: build that concurrently, and add the constraint using it',
  ],
  [
    /^alter table .*\badd (constraint \S+ )?(check|foreign key)\b(?!.*\bnot valid\b)/,
    'small table',
    'nobody can write while all rows are read: add it not valid, and validate it in the next migration',
  ],
  [
    /^(update|truncate|lock|cluster|vacuum full|reindex (?!.*\bconcurrently\b))\b/,
    'small table',
    'its locks are held until the migration has ended',
  ],
];

/**
 * A sentence for each statement that the old code or its customers would not bear, and that no
 * comment excuses.
 */
export function objections({ file, statements, inTransaction }: Migration): string[] {
  const tokens = statements.map(sqlTokens);
  const texts = tokens.map(bare);
  const made = new Set(
    texts.flatMap((text) => /^create .*?table (?:if not exists )?(\w+)/.exec(text)?.[1] ?? []),
  );
  return texts.flatMap((text, at) => {
    const isExcused = (excuse: Excuse) =>
      tokens[at]?.some((token) => token.text.startsWith(`-- ${excuse}: `));
    const broken = made.has(tableOf(text))
      ? []
      : rules.filter(([what, excuse]) => what.test(text) && !isExcused(excuse));
    const said = broken.map(([, excuse, why]) => `${why}. If it is safe, say why above it: -- ${excuse}: …`);
    return [...said, ...together(text, texts.slice(0, at), inTransaction)].map(
      (sentence) => `${file}: ${text.slice(0, 80)}: ${sentence}`,
    );
  });
}

/**
 * What may wait for its lock as long as it likes, because all who read and write go on meanwhile.
 */
const keepsNobodyWaiting =
  /^(create (unique )?index concurrently|drop index concurrently|reindex .*\bconcurrently|alter table (only )?\w+ validate constraint \w+$|analyze)\b/;

/** What is wrong only beside, or without, the statements before it. */
function together(text: string, before: string[], inTransaction: boolean): string[] {
  const [, index] = /^create (?:unique )?index concurrently (?:if not exists )?(\w+)/.exec(text) ?? [];
  if (index !== undefined && !before.includes(`drop index concurrently if exists ${index}`))
    return ['a failed build leaves it invalid: drop index concurrently if exists before it'];
  if (!inTransaction && !keepsNobodyWaiting.test(text))
    return ['no lock_timeout bounds its wait for a lock: it needs a file in a transaction'];
  const isLocked = inTransaction && before.some((other) => /\bnot valid\b/.test(other));
  return isLocked && /\bvalidate constraint\b/.test(text)
    ? ['the lock of its addition is held while all rows are read: validate it in the next migration']
    : [];
}

/**
 * In lower case, on one line, without comments, quoted texts, brackets and what they hold, and the
 * schema's name.
 */
function bare(tokens: SqlToken[]): string {
  const words = tokens
    .filter(({ kind }) => kind !== 'comment')
    .map(({ kind, text }) => (kind === 'quoted' ? "''" : text.toLowerCase()));
  let text = words.join('').replaceAll('restoreclick.', '');
  for (let was = ''; was !== text; ) {
    was = text;
    text = text.replace(/\([^()]*\)/g, ' ');
  }
  return text.replace(/\s+/g, ' ').trim();
}

const tableOf = (text: string): string =>
  /^(?:alter table|update|truncate|lock table|create .*?index .*? on)(?: if exists| only)* (\w+)/.exec(
    text,
  )?.[1] ?? '';
