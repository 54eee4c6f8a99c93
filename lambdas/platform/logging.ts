/** One JSON line per event on the standard output. Never a name, address, token or key. */

export type Fields = Record<string, string | number | boolean | null | undefined>;

function write(level: 'info' | 'warn' | 'error', message: string, fields: Fields) {
  const line = { level, message, function: process.env.AWS_LAMBDA_FUNCTION_NAME, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** `fields` hold ids, codes, counts and durations only. */
export const log = {
  info: (message: string, fields: Fields = {}) => write('info', message, fields),
  warn: (message: string, fields: Fields = {}) => write('warn', message, fields),
  error: (message: string, fields: Fields = {}) => write('error', message, fields),
};
