/** Makes subject, HTML and plain text of an email from its type's data and templates. */
import mustache from 'mustache';
import { z } from 'zod';
import { isName } from './strangers-words.ts';
import { styled } from './styles.ts';
import layout from './templates/layout.html.mustache';
import orderConfirmationHtml from './templates/order-confirmation.html.mustache';
import orderConfirmationText from './templates/order-confirmation.txt.mustache';
import restorationCompleteHtml from './templates/restoration-complete.html.mustache';
import restorationCompleteText from './templates/restoration-complete.txt.mustache';
import shareFamilyHtml from './templates/share-family.html.mustache';
import shareFamilyText from './templates/share-family.txt.mustache';

/** Text on one line, without characters that turn the direction of what follows. */
const line = z.string().transform((text) =>
  text
    .replace(/\p{Bidi_Control}/gu, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim(),
);
/** Whoever pays may call themselves anything: what may be no name is left out. */
const person = line.transform((text) => (isName(text) ? text : null));
const link = z.url({ protocol: /^https?$/ });
const quantity = z.int().nonnegative();

const schemas = {
  order_confirmation: z.object({
    orderNumber: line,
    customerName: person.nullish(),
    photoCount: quantity,
    /** ISO 4217. */
    currency: z.string(),
    /** In major units: `12.50`. */
    total: z.coerce.number(),
    /** False while the payment is on its way. */
    paid: z.boolean(),
    orderUrl: link,
  }),
  restoration_complete: z.object({
    orderNumber: line,
    customerName: person.nullish(),
    photos: z.array(z.object({ name: line, url: link })),
    archiveUrl: link.nullish(),
    /** Names of the photos that could not be restored. */
    failed: z.array(line),
    expiresOn: z.date().nullish(),
    maxDownloads: quantity,
    orderUrl: link,
  }),
  share_family: z.object({
    senderName: person.nullish(),
    message: z.string().nullish(),
    photoCount: quantity,
    url: link,
    expiresOn: z.date().nullish(),
    /** A page for who wants no more of these. */
    stopUrl: link,
  }),
};

export type EmailType = keyof typeof schemas;
export type EmailData<T extends EmailType> = z.input<(typeof schemas)[T]>;
export type RenderedEmail = { subject: string; html: string; text: string };

type View = Record<string, unknown> & { footer: string };
type Template = { html: string; text: string; view: (data: unknown) => View };

const photos = (n: number) => (n === 1 ? '1 photo' : `${n} photos`);
const downloads = (n: number) => (n === 1 ? '1 download' : `${n} downloads`);
const yourPhotos = (n: number) => (n === 1 ? 'your photo' : `your ${n} photos`);
const photoWord = (n: number) => (n === 1 ? 'photo' : 'photos');
const greeting = (name: string | null | undefined) => (name ? `Hello ${name},` : 'Hello,');

const day = (date: Date | null | undefined) =>
  date && new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(date);

const money = (amount: number, currency: string) =>
  new Intl.NumberFormat('en-US', { style: 'currency', currency }).format(amount);

const orderFooter = (orderNumber: string) =>
  `You get this email because of your order ${orderNumber}. Questions? Just answer it.`;

const template = <T extends z.ZodType>(
  schema: T,
  html: string,
  text: string,
  view: (data: z.output<T>) => View,
): Template => ({ html: styled(html), text, view: (data) => view(schema.parse(data)) });

const layoutHtml = styled(layout);

const templates: Record<EmailType, Template> = {
  order_confirmation: template(
    schemas.order_confirmation,
    orderConfirmationHtml,
    orderConfirmationText,
    ({ customerName, photoCount, currency, total, orderNumber, ...rest }) => ({
      ...rest,
      orderNumber,
      photoCount,
      greeting: greeting(customerName),
      yourPhotos: yourPhotos(photoCount),
      photoWord: photoWord(photoCount),
      they: photoCount === 1 ? 'it is' : 'they are',
      total: money(total, currency),
      footer: orderFooter(orderNumber),
    }),
  ),
  restoration_complete: template(
    schemas.restoration_complete,
    restorationCompleteHtml,
    restorationCompleteText,
    ({ customerName, photos: restored, failed, expiresOn, maxDownloads, orderNumber, ...rest }) => ({
      ...rest,
      orderNumber,
      greeting: greeting(customerName),
      title: restorationTitle(restored.length, failed.length),
      restored: restored.map(({ name, url }, i) => ({ name: name || `Photo ${i + 1}`, url })),
      failed: failed.map((name) => name || 'A photo without a name'),
      anyRestored: restored.length > 0,
      anyFailed: failed.length > 0,
      partly: restored.length > 0 && failed.length > 0,
      photos: photos(restored.length + failed.length),
      yourPhotos: yourPhotos(restored.length),
      onlyOne: restored.length === 1 && restored,
      restoredCount: restored.length,
      restoredWord: photoWord(restored.length),
      restoredBring: restored.length === 1 ? 'it brings' : 'they bring',
      failedCount: photos(failed.length),
      failedThem: failed.length === 1 ? 'it' : 'them',
      expiry: day(expiresOn),
      linksWork: restored.length === 1 ? 'The link works' : 'The links work',
      maxDownloads: `${downloads(maxDownloads)}${restored.length === 1 ? '' : ' each'}`,
      footer: orderFooter(orderNumber),
    }),
  ),
  share_family: template(
    schemas.share_family,
    shareFamilyHtml,
    shareFamilyText,
    ({ senderName, message, photoCount, expiresOn, url, stopUrl }) => ({
      url,
      stopUrl,
      sender: senderName || 'a customer of ours',
      senderStart: senderName || 'A customer of ours',
      hasMessage: Boolean(message?.trim()),
      messageLines: message?.trim().split(/\r\n|\r|\n/),
      photos: photos(photoCount),
      photoWord: photoWord(photoCount),
      expiry: day(expiresOn),
      footer: `${senderName || 'Whoever shares these photos'} gave us your address for this email. We use it for nothing else.`,
    }),
  ),
};

function restorationTitle(restored: number, failed: number): string {
  const word = photoWord(restored + failed);
  if (restored === 0) return `We could not restore your ${word}`;
  return failed > 0
    ? 'Some of your photos are restored'
    : `Your ${word} ${restored === 1 ? 'is' : 'are'} restored`;
}

/**
 * @param data of the email's type; throws a ZodError when it does not fit
 * @returns the subject on one line; in the HTML everything that came from people is escaped
 */
export function render<T extends EmailType>(emailType: T, data: EmailData<T>): RenderedEmail {
  const { html, text, view } = templates[emailType];
  const values = view(data);
  const written = mustache.render(text, values, {}, { escape: String });
  // A text template begins with `Subject: …` and `Preheader: …`, then an empty line.
  const [, subject = '', preheader = '', body = ''] =
    /^Subject: ([^\n]*)\nPreheader: ([^\n]*)\n\n(.*)$/s.exec(written) ?? [];
  const { footer } = values;
  const around = { subject, preheader: preheader.trim(), footer, body: mustache.render(html, values) };
  return {
    subject: subject.trim(),
    html: mustache.render(layoutHtml, around),
    text: `${body}\n--\nRestoreClick\n${footer}\n`,
  };
}
