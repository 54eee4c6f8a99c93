/**
 * A program that starts PostgreSQL in a folder, says where as JSON, and then waits to be killed or
 * told to stop.
 */
import { once } from 'node:events';
import { startPostgres } from '../postgres/index.ts';

const [folder] = process.argv.slice(2);
const server = await startPostgres(folder === undefined ? {} : { folder });
const { home, port, adminUser, adminPassword } = server;
process.stdout.write(`${JSON.stringify({ home, port, adminUser, adminPassword })}\n`);
await once(process.stdin, 'data');
await server.stop();
process.exit();
