/** A line a photo: rewritten in place on a terminal, elsewhere printed once it has ended. */
import type { WriteStream } from 'node:tty';

type Line = { name: string; state: string };

export type Progress = {
  /** The present state of every line. */
  show(lines: Line[]): void;
  /** Ends the display; what is printed next starts on a line of its own. */
  done(): void;
};

export type Output = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'rows' | 'columns'>>;

const marks: Record<string, string> = {
  restored: '✔',
  arrived: '✔',
  failed: '✖',
  refused: '✖',
  sent: '→',
  restoring: '…',
};
/** After which nothing more happens to a photo in its step. */
const endings = new Set(['arrived', 'refused', 'restored', 'failed']);

const nameWidth = 24;
/** A line that wraps would be two, and the cursor go up one too few. */
const room = nameWidth + 20;

function lineOf({ name, state }: Line, width: number): string {
  const shown = name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(nameWidth);
  return `   ${marks[state] ?? '·'} ${shown} ${state}`;
}

/** `12 restored, 3 restoring`: for more photos than the terminal has lines. */
function summary(lines: Line[]): string {
  const counts = new Map<string, number>();
  for (const { state } of lines) counts.set(state, (counts.get(state) ?? 0) + 1);
  return `   ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ')}`;
}

export function createProgress(out: Output): Progress {
  const said = new Set<number>();
  let height = 0;
  function rewrite(lines: Line[]) {
    const width = Math.max(8, nameWidth + Math.max(0, (out.columns ?? 80) - room) - 1);
    const fits = lines.length < (out.rows ?? 24) - 1;
    const shown = fits ? lines.map((line) => lineOf(line, width)) : [summary(lines)];
    const up = height > 0 ? `\u001b[${height}A` : '';
    out.write(`${up}${shown.map((line) => `\u001b[2K${line}\n`).join('')}`);
    height = shown.length;
  }
  return {
    show(lines) {
      if (out.isTTY) return rewrite(lines);
      lines.forEach((line, index) => {
        if (said.has(index) || !endings.has(line.state)) return;
        said.add(index);
        out.write(`${lineOf(line, 200)}\n`);
      });
    },
    done() {
      height = 0;
      said.clear();
    },
  };
}
