export { binaries, packagedFolder, repairLinks } from './binaries.ts';
export { adminUser } from './cluster.ts';
export { postgresBacking } from './documents.ts';
export { type RunningPostgres, removePostgres, startPostgres } from './postgres.ts';
export { isRunning } from './processes.ts';
export { type Login, type PgAddress, type PgServer, serverAt } from './server.ts';
export { systemUser } from './system-user.ts';
