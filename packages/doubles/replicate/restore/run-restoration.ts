/** Runs the restoration in a child process, so that the local system goes on answering meanwhile and survives a hostile picture. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { OutputFormat } from './restore-photo.ts';

const typescript = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const program = fileURLToPath(new URL('./program.ts', import.meta.url));
const memoryMb = 1024;

/**
 * @param signal kills the child when it aborts
 * @throws Error in the words of the model's own image library when the picture cannot be read
 */
export async function runRestoration(
  input: Buffer,
  format: OutputFormat,
  signal: AbortSignal,
): Promise<Buffer> {
  const args = [`--max-old-space-size=${memoryMb}`, '--import', typescript, program, format];
  const child = spawn(process.execPath, args, { signal, killSignal: 'SIGKILL' });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // A child that refuses the picture may close its stdin before it has read all of it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code, output, complaint] = await Promise.all([ended, buffer(child.stdout), text(child.stderr)]);
  if (code === 0) return output;
  if (code === null) throw new Error('Prediction interrupted; please retry (code: PA)');
  throw new Error(`cannot identify image file: ${complaint.trim()}`);
}
