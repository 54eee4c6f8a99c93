/**
 * Turns a step's `.sql` file into a module, for esbuild and for jest alike: `place-order.sql`
 * exports `placeOrder = { name, text }`.
 */
import { basename, dirname } from 'node:path';

/** @param {string} name kebab-case @returns {string} camelCase */
const camelCase = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/**
 * @param {string} path of the .sql file; its last three parts name the statement
 * @returns {string} `payment/place-order/place`
 */
export function statementName(path) {
  const step = dirname(path);
  return `${basename(dirname(step))}/${basename(step)}/${basename(path, '.sql')}`;
}

/**
 * @param {string} path of the .sql file
 * @param {string} text
 * @returns {string} ES module source
 */
export function sqlModule(path, text) {
  const statement = { name: statementName(path), text };
  return `export const ${camelCase(basename(path, '.sql'))} = ${JSON.stringify(statement)};\n`;
}
