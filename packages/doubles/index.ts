/** The door of the package: the three providers' doubles, and what their tests need. */
export { createReplicate, type Replicate, type ReplicateOptions, restorePhoto } from './replicate/index.ts';
export { createSendGrid, type SendGrid, type SendGridOptions } from './sendgrid/index.ts';
export { createStripe, type StripeDouble, type StripeOptions } from './stripe/index.ts';
