/** The one message of the download flow. */
import { z } from 'zod';

/** For `build-archive`: the link whose photos are wanted as a ZIP. */
export const buildArchiveMessage = z.object({ linkId: z.guid() });
