export { createSecretsManager, type SecretsManager } from './secrets-manager.ts';
