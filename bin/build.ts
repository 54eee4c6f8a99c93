/** `npm run build`: bundles every step and prints how large each became. */
import { buildBundles } from '../lib/bundles.ts';

for (const { step, bytes } of await buildBundles()) {
  console.log(`${String(Math.ceil(bytes / 1000)).padStart(6)} kB  ${step}`);
}
