/** A refusal in Stripe's shape. */

export type RefusalDetail = {
  status?: number;
  type?: 'invalid_request_error' | 'idempotency_error' | 'card_error' | 'api_error';
  code?: string;
  param?: string;
  /** Refused before anything began, so that its idempotency key stays free. */
  early?: boolean;
};

export class Refusal extends Error {
  readonly status: number;
  readonly early: boolean;
  readonly body: { error: Record<string, string> };

  constructor(
    message: string,
    { status = 400, type = 'invalid_request_error', early = false, ...rest }: RefusalDetail,
  ) {
    super(message);
    this.status = status;
    this.early = early;
    this.body = { error: { type, message, ...rest } };
  }
}

export const refuse = (message: string, detail: RefusalDetail = {}) => new Refusal(message, detail);

/** The 404 for an id that does not exist. */
export const missing = (kind: string, id: string, param: string) =>
  refuse(`No such ${kind}: '${id}'`, { status: 404, code: 'resource_missing', param });
