/** npm run bench:database: what every statement costs. `-- --orders 1000000` is the full size. */
import { register } from 'node:module';
import { command, readOptions } from './command-line.ts';

const usage =
  'npm run bench:database takes two options: -- --orders <how many are there before>, a whole number from 1000; --lives <how many are timed>, one from 10.';

await command(async () => {
  const values = readOptions(
    { orders: { type: 'string', default: '10000' }, lives: { type: 'string', default: '100' } },
    usage,
  );
  const orders = Number(values.orders);
  const lives = Number(values.lives);
  if (!(Number.isInteger(orders) && orders >= 1000 && Number.isInteger(lives) && lives >= 10))
    throw new Error(usage);
  // Before anything that imports a statement is loaded.
  register('../schema/bench/sql-loader.js', import.meta.url);
  const { benchmark } = await import('../schema/bench/run.ts');
  if (!(await benchmark({ orders, lives, say: (line) => console.log(line) }))) process.exitCode = 1;
});
