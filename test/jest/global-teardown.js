/** After all tests: what was started for them goes without trace. */
export default async function globalTeardown() {
  await globalThis.closeTestDoors?.();
}
