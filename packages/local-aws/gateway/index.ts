export { type Credentials, createCredentials, operator } from './credentials.ts';
export { createGateway, type Gateway } from './gateway.ts';
export { createIam, type Iam } from './iam.ts';
export { xmlRefusal } from './refusal.ts';
export * from './service.ts';
