import { expect, test } from '@jest/globals';
import { sqlTokens } from '@restoreclick/data-api';
import { splitSql } from '../../schema/sql/split.ts';

test.each([
  ['two statements', 'select 1; select 2;', ['select 1', 'select 2']],
  ['no last semicolon', 'select 1;\nselect 2', ['select 1', 'select 2']],
  ['a string', `select 'a;b'';c'; select 2`, [`select 'a;b'';c'`, 'select 2']],
  ['an escape string', `select E'it\\'s;', e'\\\\'; select 2`, [`select E'it\\'s;', e'\\\\'`, 'select 2']],
  ['a backslash in a plain string', `select '\\'; select 2`, [`select '\\'`, 'select 2']],
  ['a quoted identifier', 'select 1 as "a;""b"; select 2', ['select 1 as "a;""b"', 'select 2']],
  ['a line comment', 'select 1 -- one; really\n; select 2', ['select 1 -- one; really', 'select 2']],
  ['nested comments', 'select /* a /* b; */ c; */ 1; select 2', ['select /* a /* b; */ c; */ 1', 'select 2']],
  ['a dollar quote', 'do $$ begin; end $$; select 2', ['do $$ begin; end $$', 'select 2']],
  ['tagged dollar quotes', 'do $a$ x; $$;$$ $b$ $a$; select 2', ['do $a$ x; $$;$$ $b$ $a$', 'select 2']],
  ['a dollar in a name', 'select a$b$c; select d$b$', ['select a$b$c', 'select d$b$']],
  ['an empty string with an E before it', `select type ''; select ';'`, [`select type ''`, `select ';'`]],
  [
    'parentheses',
    'create rule r as on insert to t do (a; b); c',
    ['create rule r as on insert to t do (a; b)', 'c'],
  ],
  [
    'a body without quotes',
    'create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3',
    [
      'create function f() returns int begin atomic select case when true then 1 end; select 2; end',
      'select 3',
    ],
  ],
  [
    'case outside a body',
    'select case when true then 1 end; select 2',
    ['select case when true then 1 end', 'select 2'],
  ],
  ['nothing but comments', '-- only this\n;/* and this */;', []],
])('a statement ends where PostgreSQL says it ends: %s', (_, sql, statements) => {
  expect(splitSql(sql)).toEqual(statements);
});

test('a quote that never ends is refused', () => {
  expect(() => splitSql(`select 'a; select 2`)).toThrow('never closed');
});

test('tokens joined are the text again', () => {
  const sql = `select :a::text, b[1:2], 'x:y', "c:d", $q$ :e $q$ /* :f */ -- :g\n where 1.5 > :h and é = $1`;
  const tokens = sqlTokens(sql);
  expect(tokens.map(({ text }) => text).join('')).toBe(sql);
  expect(tokens.filter(({ kind }) => kind === 'parameter').map(({ text }) => text)).toEqual([':a', ':h']);
});
