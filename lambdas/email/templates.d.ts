/** Templates are imported as their text: esbuild's text loader does so for the bundles, `test/jest/text-transform.js` for the tests. */
declare module '*.mustache' {
  const text: string;
  export = text;
}
