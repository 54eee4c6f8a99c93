/** What every flow is built on. */
import type { Api } from './api.ts';
import type { Database } from './database.ts';
import type { Deployment } from './flow-step.ts';
import type { Secrets } from './secrets.ts';
import type { Storage } from './storage.ts';

export type Platform = Deployment & { api: Api; database: Database; secrets: Secrets; storage: Storage };
