/** Cuts SQL into tokens, so that what is quoted or commented out can be left alone. */

export type SqlToken = {
  kind: 'comment' | 'quoted' | 'word' | 'parameter' | 'other';
  /** As written; the tokens joined are the statement. */
  text: string;
};

/** PostgreSQL's lexical rules, the first that fits; block comments nest: see `blockComment`. */
const pattern = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*)`,
    String.raw`(?<quoted>[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?<tag>(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?)\$[^]*?\$\k<tag>\$)`,
    String.raw`(?<word>[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)`,
    String.raw`(?<parameter>:[A-Za-z_]\w*)`,
    String.raw`(?<other>::|\s+|\$\d+|\d[\w.]*|[^])`,
  ].join('|'),
  'y',
);

/**
 * @returns every piece of `sql`, in order. A quote that never ends comes out as `other`, alone.
 */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (let at = 0; at < sql.length; ) {
    const token = sql.startsWith('/*', at) ? blockComment(sql, at) : nextToken(sql, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function nextToken(sql: string, at: number): SqlToken {
  pattern.lastIndex = at;
  const { comment, quoted, word, parameter, other = '' } = pattern.exec(sql)?.groups ?? {};
  if (comment !== undefined) return { kind: 'comment', text: comment };
  if (quoted !== undefined) return { kind: 'quoted', text: quoted };
  if (word !== undefined) return { kind: 'word', text: word };
  if (parameter !== undefined) return { kind: 'parameter', text: parameter };
  return { kind: 'other', text: other };
}

function blockComment(sql: string, start: number): SqlToken {
  let depth = 0;
  for (const { 0: mark, index } of sql.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return { kind: 'comment', text: sql.slice(start, start + index + 2) };
  }
  return { kind: 'comment', text: sql.slice(start) };
}
