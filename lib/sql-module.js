/** Turns a step's `.sql` file into a module, for esbuild and for jest alike: `place-order.sql` exports `placeOrder = { name, text }`. */
import { basename, dirname } from 'node:path';

/** @param {string} name kebab-case @returns {string} camelCase */
const camelCase = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/**
 * @param {string} path of the .sql file; its last three parts name the statement: `payment/place-order/place`
 * @param {string} text
 * @returns {string} ES module source
 */
export function sqlModule(path, text) {
  const file = basename(path, '.sql');
  const step = basename(dirname(path));
  const flow = basename(dirname(dirname(path)));
  const statement = { name: `${flow}/${step}/${file}`, text };
  return `export const ${camelCase(file)} = ${JSON.stringify(statement)};\n`;
}
