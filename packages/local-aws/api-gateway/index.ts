export { type ApiGateway, createApiGateway } from './api-gateway.ts';
