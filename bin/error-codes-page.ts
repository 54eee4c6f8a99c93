/** The page of error codes for operators, made of the list that the steps write from. */
import { errorCodes } from '../lambdas/error-codes.ts';

/** Where the page lies, from the project's folder. */
export const errorCodesFile = 'docs/error-codes.md';

const tables: [keyof typeof errorCodes, string][] = [
  ['images', 'Photos (`images.error_code`)'],
  ['restoration_jobs', 'Restoration jobs (`restoration_jobs.error_code`)'],
  ['email_queue', 'Emails (`email_queue.error_code`)'],
];

/** In Markdown: of each table a section, of each code a row. */
export function errorCodesPage(): string {
  const sections = tables.map(([table, title]) => {
    const rows = Object.entries(errorCodes[table]).map(
      ([code, { meaning, operator }]) => `| \`${code}\` | ${meaning} | ${operator} |`,
    );
    return [`## ${title}`, '', '| code | what happened | what to do |', '| --- | --- | --- |', ...rows].join(
      '\n',
    );
  });
  const head = [
    '# Error codes',
    '',
    'Why a photo, a restoration job or an email did not go through, and what an operator does about it. The lists are closed: the',
    'steps can write no other code, and the database refuses one. A job that is tried again keeps the code of its last failed attempt',
    'until it is completed.',
    '',
    'Made from `lambdas/error-codes.ts` by `npx tsx bin/error-codes.ts`.',
  ].join('\n');
  return `${[head, ...sections].join('\n\n')}\n`;
}
