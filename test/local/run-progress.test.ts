/** What the demo shows of an order under way. */
import { describe, expect, test } from '@jest/globals';
import { createProgress, type Output } from '../../demo/progress.ts';

function paper(terminal: Partial<Output> = {}) {
  const written: string[] = [];
  const write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  return { progress: createProgress({ write, ...terminal }), written };
}

const photos = (count: number, state: string) =>
  Array.from({ length: count }, (_, index) => ({ name: `${index}.jpg`, state }));

describe('the progress', () => {
  test('is a line a photo where there is no terminal, however often it looks', () => {
    const { progress, written } = paper();
    for (const state of ['waiting', 'restoring', 'restoring', 'restored', 'restored'])
      progress.show(photos(100, state));
    expect(written).toHaveLength(100);
    expect(written[7]).toMatch(/✔ 7\.jpg +restored\n/);
  });

  test('tells two photos of one name apart', () => {
    const { progress, written } = paper();
    progress.show([
      { name: 'a.jpg', state: 'restored' },
      { name: 'a.jpg', state: 'failed' },
    ]);
    expect(written.map((line) => line.trim().split(/ +/).join(' '))).toEqual([
      '✔ a.jpg restored',
      '✖ a.jpg failed',
    ]);
  });

  test('is rewritten in place on a terminal', () => {
    const { progress, written } = paper({ isTTY: true, rows: 24, columns: 80 });
    progress.show(photos(3, 'waiting'));
    progress.show(photos(3, 'restored'));
    expect(written[1]?.startsWith('\u001b[3A')).toBe(true);
    expect(written[1]?.split('\n')).toHaveLength(4);
  });

  test('is one line of counts when the terminal is too low for all', () => {
    const { progress, written } = paper({ isTTY: true, rows: 24, columns: 80 });
    progress.show([...photos(90, 'restored'), ...photos(10, 'restoring')]);
    expect(written).toEqual(['\u001b[2K   90 restored, 10 restoring\n']);
  });

  test('never wraps a line of a terminal', () => {
    const { progress, written } = paper({ isTTY: true, rows: 24, columns: 60 });
    progress.show([{ name: `${'long'.repeat(50)}.jpg`, state: 'restoring' }]);
    expect((written[0] ?? '').replace('\u001b[2K', '').trimEnd().length).toBeLessThan(60);
  });
});
