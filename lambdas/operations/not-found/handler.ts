/** $default: what the API does not know, said in the form of all its errors. */
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { list, settings } from '../../platform/settings.ts';

const { ROUTES } = settings({ ROUTES: list });

/** `GET /api/upload/{session}` as its method and what its paths look like. */
const routes = ROUTES.map((route) => {
  const [method = '', path = ''] = route.split(' ');
  return { method, path: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) };
});

export const handler = apiHandler(async ({ method, address }) => {
  const methods = routes.filter(({ path }) => path.test(address)).map((route) => route.method);
  if (methods.length === 0)
    throw clientError(
      'unknown_route',
      'There is nothing at this address. Please check it for typing errors.',
      {
        status: 404,
      },
    );
  const allow = [...new Set(methods)].sort().join(', ');
  throw clientError('wrong_method', `This address does not understand ${method}, only ${allow}.`, {
    status: 405,
    headers: { allow },
  });
});
