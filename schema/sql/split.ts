/** Splits a migration into statements: the Data API takes one a call. */
import { type SqlToken, sqlTokens } from '@restoreclick/data-api';

/**
 * @returns the statements of `sql` in order, trimmed, without their semicolons; comments stay with
 *   the statement after them
 */
export function splitSql(sql: string): string[] {
  const statements: SqlToken[][] = [[]];
  let depth = 0;
  let lastWord = '';
  for (const token of sqlTokens(sql)) {
    if (token.kind === 'other' && /['"$]/.test(token.text)) {
      throw new Error(`A quote is opened and never closed: ${sql.slice(-40)}`);
    }
    if (token.kind === 'word') {
      const word = token.text.toLowerCase();
      depth += nesting(word, lastWord, depth);
      lastWord = word;
    }
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (token.text === ';' && depth === 0) statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter(hasSubstance).map((tokens) =>
    tokens
      .map(({ text }) => text)
      .join('')
      .trim(),
  );
}

/**
 * A function body written as `begin atomic … end` holds semicolons; within it, `case` has an `end`
 * of its own.
 */
function nesting(word: string, before: string, depth: number): number {
  if (word === 'atomic' && before === 'begin') return 1;
  if (depth === 0) return 0;
  if (word === 'case') return 1;
  return word === 'end' ? -1 : 0;
}

function hasSubstance(tokens: SqlToken[]): boolean {
  return tokens.some(({ kind, text }) => kind !== 'comment' && text.trim() !== '');
}
