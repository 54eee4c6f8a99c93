/** Tests run as ES modules, compiled by swc; `tsc` checks their types. */
const swc = [
  '@swc/jest',
  { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
];

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts', '.sql'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node', 'sql'],
  transform: { '\\.ts$': swc, '\\.sql$': '<rootDir>/test/jest/sql-transform.js' },
  testTimeout: 60_000,
};
