/** A customer: everything through the public API, the payment page, and the mails' links. */
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Where the system answers; `npm start` prints them. */
export type Addresses = { api: string; mailbox: string; restorations?: string };

export type Photo = { name: string; type: string; bytes: Buffer };

const types: Record<string, string> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.heic': 'image/heic',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.svg': 'image/svg+xml',
};

/** @throws Error when there is no such file */
export async function readPhoto(path: string): Promise<Photo> {
  const type = types[extname(path).toLowerCase()] ?? 'application/octet-stream';
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error(`There is no file ${path}.`);
    if (error.code === 'EISDIR') throw new Error(`${path} is a folder: name the photos in it.`);
    throw new Error(`${path} cannot be read (${error.code}).`);
  });
  return { name: basename(path), type, bytes };
}

/** An answer of the API that says no, in its own sentence. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** fetch, whose own word for a server that is gone is only “fetch failed”. */
async function reach(url: string, init?: RequestInit): Promise<Response> {
  return fetch(url, init).catch((cause: unknown) => {
    const sentence = `${new URL(url).origin} does not answer. Does the system still run? Start it with npm start.`;
    throw new Error(sentence, { cause });
  });
}

type Call = { method?: string; body?: unknown; key?: string };

/** One call of the API; waits out a 503 as a browser would. */
async function call<T>(
  url: string,
  { method = 'GET', body, key }: Call = {},
): Promise<{ status: number; body: T }> {
  const response = await reach(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 503) {
    await pause(1000 * Number(response.headers.get('retry-after') ?? 1));
    return call(url, { method, body, ...(key === undefined ? {} : { key }) });
  }
  const answer = (await response.json()) as T & { detail?: string };
  if (!response.ok)
    throw new Refused(response.status, answer.detail ?? `The API answered ${response.status}.`);
  return { status: response.status, body: answer };
}

type PresignedPost = { url: string; fields: Record<string, string> };
type NewSession = { sessionId: string; photos: { id: string; name: string; upload: PresignedPost }[] };
type SessionPhoto = { id: string; name: string; state: string; detail?: string };
export type SessionState = { photos: SessionPhoto[]; price: { currency: string; total: string } };
export type OrderState = {
  orderNumber: string;
  status: string;
  photos: { id: string; name: string; state: string; restored?: { id: string } }[];
};
export type Order = { orderId: string; orderNumber: string; key: string };

async function post({ url, fields }: PresignedPost, photo: Photo): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(photo.bytes)], { type: photo.type }), photo.name);
  const response = await reach(url, { method: 'POST', body: form });
  if (!response.ok)
    throw new Refused(response.status, `The storage refused ${photo.name}: ${await response.text()}`);
}

/** Tells the API about the photos and posts the bytes of each straight to the storage. */
export async function upload(
  { api }: Addresses,
  photos: Photo[],
  email: string,
  onSent: (name: string) => void,
) {
  const announced = photos.map(({ name, type, bytes }) => ({ name, type, size: bytes.length }));
  const { body } = await call<NewSession>(`${api}/api/upload`, {
    method: 'POST',
    body: { email, photos: announced },
  });
  await Promise.all(
    body.photos.map(async ({ upload: target }, index) => {
      const photo = photos[index];
      if (!photo) return;
      await post(target, photo);
      onSent(photo.name);
    }),
  );
  return body.sessionId;
}

/**
 * Looks until the answer satisfies, ten times a second at most.
 * @param what is waited for, to say so in the end: `the photos to arrive`
 */
async function until<T>(
  look: () => Promise<T>,
  satisfied: (value: T) => boolean,
  { what, minutes }: { what: string; minutes: number },
): Promise<T> {
  for (const end = Date.now() + minutes * 60_000; Date.now() < end; await pause(100)) {
    const value = await look();
    if (satisfied(value)) return value;
  }
  throw new Error(
    `Waited ${minutes} minutes for ${what}, in vain. What npm start prints may say why; with RESTORECLICK_LOG=1 the demo prints it too.`,
  );
}

/** Resolves when every photo has arrived or was refused. */
export async function arrived({ api }: Addresses, sessionId: string): Promise<SessionState> {
  const look = async () => (await call<SessionState>(`${api}/api/upload/${sessionId}`)).body;
  return until(look, ({ photos }) => photos.every(({ state }) => state !== 'waiting'), {
    what: 'the photos to arrive',
    minutes: 2,
  });
}

/** Whether a provider is its double, which a program may use like a person. */
export const isDouble = (url: string): boolean => new URL(url).hostname === '127.0.0.1';

/**
 * Opens a checkout and pays on its page by its form; on Stripe's own only a person can.
 * @param askPerson told the address of a page that only a person can pay on
 * @returns the checkout's id
 */
export async function pay(
  { api }: Addresses,
  sessionId: string,
  payer: { email: string; name: string },
  askPerson: (url: string) => void = () => {},
): Promise<string> {
  const checkout = await call<{ checkoutId: string; url: string }>(`${api}/api/checkout`, {
    method: 'POST',
    body: { sessionId },
  });
  const { checkoutId, url } = checkout.body;
  if (!isDouble(url)) {
    askPerson(url);
    return checkoutId;
  }
  const form = new URLSearchParams({ outcome: 'pay', ...payer });
  const response = await reach(`${url}/pay`, { method: 'POST', body: form, redirect: 'manual' });
  if (response.status !== 303 && response.status !== 302)
    throw new Refused(response.status, `The payment page answered ${response.status}.`);
  return checkoutId;
}

/** Exchanges the checkout for the order, as soon as the payment's webhook has arrived. */
export async function claim({ api }: Addresses, checkoutId: string): Promise<Order> {
  const look = () => call<Order>(`${api}/api/orders/claim`, { method: 'POST', body: { checkoutId } });
  const limit = { what: 'word of the payment', minutes: 15 };
  return (await until(look, ({ status }) => status === 200, limit)).body;
}

/** Watches the order until it has ended; tells every look. */
export async function watch(
  { api }: Addresses,
  { orderId, key }: Order,
  onLook: (order: OrderState) => void,
): Promise<OrderState> {
  const look = async () => {
    const { body } = await call<OrderState>(`${api}/api/orders/${orderId}`, { key });
    onLook(body);
    return body;
  };
  const limit = { what: 'the order to end', minutes: 90 }; // three attempts, of 30 minutes at most
  return until(look, ({ status }) => ['completed', 'failed', 'refunded'].includes(status), limit);
}

type MailListing = { messages: { id: string }[] };
export type Mail = { subject: string; text: string };

/** Waits for the mails about the order; the last of them tells how it ended. */
export async function readMails(
  { mailbox }: Addresses,
  email: string,
  orderNumber: string,
  expected: number,
): Promise<Mail[]> {
  const look = async () => {
    const { messages } = (await call<MailListing>(`${mailbox}/api/messages?to=${encodeURIComponent(email)}`))
      .body;
    const mails = await Promise.all(
      messages
        .slice(0, expected + 10)
        .map(async ({ id }) => (await call<Mail>(`${mailbox}/api/messages/${id}`)).body),
    );
    return mails.filter(({ text }) => text.includes(orderNumber)).reverse();
  };
  return until(look, (mails) => mails.length >= expected, { what: 'the mails', minutes: 2 });
}

/** The download links of a mail's plain text, in its order. */
export const downloadLinks = ({ text }: Mail): string[] =>
  text.match(/https?:\/\/\S+\/download\/[\w-]+/g) ?? [];

/** A new link to one photo of the order, original or restored. */
export async function linkTo({ api }: Addresses, { orderId, key }: Order, imageId: string): Promise<string> {
  const body = { type: 'single_image', imageId };
  return (
    await call<{ url: string }>(`${api}/api/orders/${orderId}/downloads`, { method: 'POST', body, key })
  ).body.url;
}

export type Download = { name: string; bytes: Buffer };

/** Follows a download link; an archive still being packed is waited for. */
export async function download(url: string): Promise<Download> {
  const response = await reach(url);
  if (response.status === 202) {
    await pause(1000 * Number(response.headers.get('retry-after') ?? 1));
    return download(url);
  }
  if (!response.ok)
    throw new Refused(response.status, `The link answered ${response.status}: ${await response.text()}`);
  const disposition = response.headers.get('content-disposition') ?? '';
  const name = /filename\*=UTF-8''([^;]+)/.exec(disposition)?.[1] ?? 'download';
  return { name: basename(decodeURIComponent(name)), bytes: Buffer.from(await response.arrayBuffer()) };
}
