/** The restoration as a program of its own: a photograph on stdin, restored on stdout; `png` or `jpg` as its argument. */
import { buffer } from 'node:stream/consumers';
import { restorePhoto } from './restore-photo.ts';

const format = process.argv[2] === 'jpg' ? 'jpg' : 'png';
try {
  process.stdout.write(await restorePhoto(await buffer(process.stdin), format));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
