/** The upload session that a request's path names. */
import { clientError } from '../platform/errors.ts';
import { type Request, uuidParameter } from '../platform/http.ts';

const sentence = 'We do not know this upload. It may have expired; please choose your photos again.';

export const unknownSession = () => clientError('unknown_session', sentence, { status: 404 });

/** @throws StepError 404 `unknown_session` when it cannot be one */
export const sessionParameter = (request: Request) =>
  uuidParameter(request, 'session', 'unknown_session', sentence);
