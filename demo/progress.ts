/** Shows how far an order is: a line a photo, rewritten in place on a terminal, printed once per change elsewhere. */
import type { WriteStream } from 'node:tty';

export type Progress = {
  /** The present state of every line. */
  show(lines: { name: string; state: string }[]): void;
  /** Ends the display; what is printed next starts on a line of its own. */
  done(): void;
};

const marks: Record<string, string> = { restored: '✔', failed: '✖', arrived: '✔', sent: '→', restoring: '…' };

const lineOf = ({ name, state }: { name: string; state: string }) =>
  `   ${marks[state] ?? '·'} ${name.padEnd(24)} ${state}`;

export function createProgress(out: Pick<WriteStream, 'write'> & { isTTY?: boolean }): Progress {
  const said = new Map<string, string>();
  let height = 0;
  return {
    show(lines) {
      if (!out.isTTY) {
        for (const line of lines) {
          if (said.get(line.name) === line.state) continue;
          said.set(line.name, line.state);
          out.write(`${lineOf(line)}\n`);
        }
        return;
      }
      const up = height > 0 ? `\u001b[${height}A` : '';
      out.write(`${up}${lines.map((line) => `\u001b[2K${lineOf(line)}\n`).join('')}`);
      height = lines.length;
    },
    done() {
      height = 0;
      said.clear();
    },
  };
}
