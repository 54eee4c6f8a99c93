/** npm run bench:database: what every statement costs. `-- --orders 1000000` is the full size. */
import { register } from 'node:module';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { orders: { type: 'string', default: '10000' }, lives: { type: 'string', default: '100' } },
});
const orders = Number(values.orders);
const lives = Number(values.lives);
if (!(Number.isInteger(orders) && orders >= 1000 && Number.isInteger(lives) && lives >= 10)) {
  console.error('--orders is a whole number from 1000, --lives one from 10.');
  process.exit(2);
}
// Before anything that imports a statement is loaded.
register('../bench/database/sql-loader.js', import.meta.url);
const { benchmark } = await import('../bench/database/run.ts');
if (!(await benchmark({ orders, lives, say: (line) => console.log(line) }))) process.exitCode = 1;
