export {
  bindParameters,
  type Parameter,
  ParameterError,
  parameter,
  rewriteParameters,
} from './parameters.ts';
export { type SqlToken, sqlTokens } from './sql-tokens.ts';
export { camelCase, snakeCase, toParameters, toRows, type Value } from './values.ts';
