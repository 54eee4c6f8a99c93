import { expect, test } from '@jest/globals';
import { readOptions } from '../../bin/command-line.ts';

const usage = 'The command takes --photos <number>.';
const read = (...args: string[]) => readOptions({ photos: { type: 'string', default: '1' } }, usage, args);

test('options are read by name, with their defaults', () => {
  expect(read()).toEqual({ photos: '1' });
  expect(read('--photos', '3')).toEqual({ photos: '3' });
});

test.each([
  [['--help'], "Unknown option '--help'. The command takes --photos <number>."],
  [['--photos'], "Option '--photos <value>' argument missing. The command takes --photos <number>."],
  [['--photos', '--all'], "Option '--photos' argument is ambiguous. The command takes --photos <number>."],
  [['one.jpg'], /^Unexpected argument 'one.jpg'.* The command takes --photos <number>.$/],
])('%s is answered in a sentence that says what there is', (args, sentence) => {
  expect(() => read(...args)).toThrow(sentence);
});
