/** Imports of email templates are their text, as with esbuild's text loader. */
const textModule = (text) => ({ code: `export default ${JSON.stringify(text)};\n` });

export default {
  process: textModule,
  processAsync: async (text) => textModule(text),
};
