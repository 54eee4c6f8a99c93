export { type Catalog, createCatalog } from './catalog.ts';
export { sqlstateOf } from './database-error.ts';
export { createRdsData } from './rds-data.ts';
export { answerOf } from './result.ts';
export { runQuery } from './sessions.ts';
