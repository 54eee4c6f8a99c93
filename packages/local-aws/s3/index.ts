export { openObject } from './access.ts';
export { openBytes } from './bytes.ts';
export type { ObjectRecord } from './catalogue.ts';
export { createS3, type LocalS3 } from './s3.ts';
