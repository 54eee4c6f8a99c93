/**
 * The CDK app: bundles the steps, then synthesizes; `-c environment=staging` chooses another
 * environment than production.
 */
import { synthesize } from '../lib/app.ts';
import { buildBundles } from '../lib/bundles.ts';

await buildBundles();
synthesize();
