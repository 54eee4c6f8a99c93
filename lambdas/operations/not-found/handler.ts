/** $default: what the API does not know, said in the form of all its errors. */
import { callersFault } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';

export const handler = apiHandler(async () => {
  throw callersFault('unknown_route', 'There is nothing at this address, or not with this method.', {
    status: 404,
  });
});
