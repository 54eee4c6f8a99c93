/** The one message of the email flow. */
import { z } from 'zod';

/** For `send-email`. */
export const sendEmailMessage = z.object({ emailId: z.guid() });
