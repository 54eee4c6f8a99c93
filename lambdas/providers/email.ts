/** What the product asks of an email provider, in its own words. */

export type Attachment = { filename: string; mimeType: string; bytes: Buffer };

export type OutgoingEmail = {
  /** Our id of the email; comes back in every event about it. No personal data. */
  emailId: string;
  /** Which try of it this is; comes back too. */
  attempt: number;
  from: { email: string; name: string };
  to: { email: string; name?: string };
  cc: string[];
  subject: string;
  html: string;
  text: string;
  attachments: Attachment[];
  /** Where its recipient says that they want no more, by a POST (RFC 8058). */
  unsubscribeUrl?: string;
};

/** One event about one email of ours. */
export type EmailEvent = {
  id: string;
  /** The provider's word: processed, delivered, bounce, blocked, dropped, deferred, … */
  type: string;
  /** Undefined for emails that are none of ours. */
  emailId: string | undefined;
  /** Of the email; undefined if the provider does not say. */
  attempt: number | undefined;
  /** Seconds since 1970. */
  at: number;
};

export type EmailProvider = {
  /**
   * Hands an email over; answers the provider's message id.
   * @throws StepError `permanent` for what another try cannot mend, `retry` for what was surely not
   * sent, and `retry` with the code `send_doubtful` when the answer was lost: an event tells
   */
  send(email: OutgoingEmail): Promise<{ messageId: string }>;
  /**
   * The events of a webhook call, verified on the raw bytes, and how many are of an odd shape.
   * @throws StepError `client` for a wrong, old or missing signature
   */
  verifyEvents(
    body: Buffer,
    signature: string | undefined,
    timestamp: string | undefined,
  ): { events: EmailEvent[]; odd: number };
};
