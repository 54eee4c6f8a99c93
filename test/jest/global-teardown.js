/** After all tests: PostgreSQL, if it was started, goes without trace. */
export default async function globalTeardown() {
  await globalThis.closeTestPostgres?.();
}
