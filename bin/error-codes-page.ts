/** The page of error codes for operators, made of the list that the steps write from. */
import { errorCodes } from '../lambdas/error-codes.ts';

/** Where the page lies, from the project's folder. */
export const errorCodesFile = 'docs/generated/error-codes.md';

const tables: [keyof typeof errorCodes, string][] = [
  ['images', 'Photos (`images.error_code`)'],
  ['restoration_jobs', 'Restoration jobs (`restoration_jobs.error_code`)'],
  ['email_queue', 'Emails (`email_queue.error_code`)'],
];

/** In Markdown: of each table a section, of each code an entry. */
export function errorCodesPage(): string {
  const sections = tables.map(([table, title]) => {
    const entries = Object.entries(errorCodes[table]).map(([code, { meaning, operator }]) =>
      wrapped(`- \`${code}\`: ${meaning} *Do:* ${operator}`),
    );
    return [`## ${title}`, '', ...entries].join('\n');
  });
  const head = [
    '# Error codes',
    '',
    'Why a photo, a restoration job or an email did not go through, and what an operator does about it.',
    'The lists are closed: the steps can write no other code, and the database refuses one. A job that is',
    'tried again keeps the code of its last failed attempt until it is completed.',
    '',
    'Made from `lambdas/error-codes.ts` by `npm run error-codes`.',
  ].join('\n');
  return `${[head, ...sections].join('\n\n')}\n`;
}

const longestLine = 150;

/** A list's entry in lines, the later ones indented. */
export function wrapped(entry: string): string {
  const lines = [''];
  for (const word of entry.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length < longestLine)
      lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join('\n');
}
