/** Tests run as ES modules, compiled by swc; `tsc` checks their types. */
const swc = [
  '@swc/jest',
  { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
];

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test', '<rootDir>/packages'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts', '.sql', '.mustache'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node', 'sql', 'mustache'],
  transform: {
    '\\.ts$': swc,
    '\\.sql$': '<rootDir>/test/jest/sql-transform.js',
    '\\.mustache$': '<rootDir>/test/jest/text-transform.js',
  },
  globalSetup: '<rootDir>/test/jest/global-setup.js',
  globalTeardown: '<rootDir>/test/jest/global-teardown.js',
  // Ends what hangs, and judges nothing: the longest hook takes 16 s alone, and 64 s with four busy
  // loops beside.
  testTimeout: 300_000,
  // Jest leaves one core idle by default: on two, that doubles the time.
  maxWorkers: '100%',
};
