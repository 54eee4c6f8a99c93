/** A template is imported as its text: by esbuild's text loader, and by the tests' transform. */
declare module '*.mustache' {
  const text: string;
  export = text;
}
