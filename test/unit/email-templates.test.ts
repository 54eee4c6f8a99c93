/** What the emails say, and that nothing people wrote can break out of them. */
import { describe, expect, test } from '@jest/globals';
import { type EmailData, render } from '../../lambdas/email/render.ts';

const link = (n: number) => `https://api.shop.example/download/${'a1b2c3d4'.repeat(8)}${n}`;
const expiresOn = new Date('2026-11-29T12:00:00Z');
const orderUrl = 'https://shop.example/orders/4f1c#key=abc';

const confirmation = (more: Partial<EmailData<'order_confirmation'>> = {}) =>
  render('order_confirmation', {
    orderNumber: '20261122-000042',
    customerName: 'Ann',
    photoCount: 3,
    currency: 'USD',
    total: '37.50',
    paid: true,
    orderUrl,
    ...more,
  });

const complete = (more: Partial<EmailData<'restoration_complete'>> = {}) =>
  render('restoration_complete', {
    orderNumber: '20261122-000042',
    customerName: 'Ann',
    photos: [1, 2].map((n) => ({ name: `photo ${n}.jpg`, url: link(n) })),
    archiveUrl: link(0),
    failed: [],
    expiresOn,
    maxDownloads: 10,
    orderUrl,
    ...more,
  });

const stopUrl = 'https://site.example/unsubscribe#t';
const share = (more: Partial<EmailData<'share_family'>> = {}) =>
  render('share_family', {
    senderName: 'Ann',
    message: null,
    photoCount: 3,
    url: link(1),
    expiresOn,
    stopUrl,
    ...more,
  });

/** The addresses that a reader can go to. */
const linksOf = (html: string) =>
  [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => unescaped(href ?? ''));
const unescaped = (text: string) =>
  text.replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');

describe('order confirmation', () => {
  test('a paid order says what was paid, and that the work has begun', () => {
    const { subject, html, text } = confirmation();
    expect(subject).toBe('We have your photos: order 20261122-000042');
    for (const part of [html, text]) {
      expect(part).toContain('Hello Ann,');
      expect(part).toContain('$37.50');
      expect(part).toMatch(/restoration of\s+your 3 photos has begun/);
    }
    expect(text).toContain('Paid: $37.50');
    expect(linksOf(html)).toEqual([orderUrl]);
    expect(text).toContain(orderUrl);
  });

  test('an unpaid order does not say that the work has begun', () => {
    const { subject, html, text } = confirmation({ paid: false, photoCount: 1, customerName: null });
    expect(subject).toBe('We await your payment: order 20261122-000042');
    for (const part of [html, text]) {
      expect(part).toContain('Hello,');
      expect(part).not.toContain('has begun');
      expect(part).toMatch(/begins by itself\s+once the payment arrives/);
    }
    expect(text).toContain('To be paid: $37.50');
  });

  test.each([
    ['EUR', '12.50', '€12.50'],
    ['JPY', '1200.00', '¥1,200'],
  ])('money in %s is written as people write it', (currency, total, written) => {
    expect(confirmation({ currency, total }).text).toContain(written);
  });
});

describe('restoration complete', () => {
  test('every photo and the archive have their link, and it says until when', () => {
    const { subject, html, text } = complete();
    expect(subject).toBe('Your photos are restored: order 20261122-000042');
    expect(linksOf(html)).toEqual([link(0), link(1), link(2), orderUrl]);
    for (const url of [link(0), link(1), link(2), orderUrl]) expect(text).toContain(`${url}\n`);
    expect(text).toContain('The links work until 29 November 2026, for up to 10 downloads each.');
    expect(html).toContain('29 November 2026');
    for (const part of [html, text]) expect(part).not.toContain('could not');
  });

  test('photos that could not be restored are named, with what happens', () => {
    const { subject, html, text } = complete({ failed: ['torn.png', 'wet.jpg'] });
    expect(subject).toMatch(/^Some of your photos are restored/);
    for (const part of [html, text]) {
      expect(part).toMatch(/We restored 2 of your 4 photos/);
      expect(part).toContain('2 photos could not be restored');
      expect(part).toContain('torn.png');
      expect(part).toContain('wet.jpg');
      expect(part).toMatch(/refund/);
    }
  });

  test('an order of which nothing could be restored promises no download', () => {
    const { subject, html, text } = complete({
      photos: [],
      archiveUrl: null,
      failed: ['torn.png'],
      expiresOn: null,
    });
    expect(subject).toMatch(/^We could not restore your photo:/);
    expect(linksOf(html)).toEqual([orderUrl]);
    for (const part of [html, text]) expect(part).not.toMatch(/download/i);
    expect(text).toContain('- torn.png');
  });

  test('a hundred photos stay below the size at which mail programs cut', () => {
    const photos = Array.from({ length: 100 }, (_, n) => ({
      name: `${'n'.repeat(60)} ${n}.jpg`,
      url: link(n),
    }));
    expect(Buffer.byteLength(complete({ photos }).html)).toBeLessThan(100_000);
  });
});

describe('share with the family', () => {
  test('it says who shares, carries their words line by line, one link, and one to stop', () => {
    const { subject, html, text } = share({ message: 'Look!\nFrom the attic.' });
    expect(subject).toBe('3 photos shared with you');
    expect(html).toContain('Ann shares 3 photos with you');
    expect(html).toContain('Look!<br>From the attic.<br>');
    expect(text).toContain('> Look!\n> From the attic.\n');
    expect(linksOf(html)).toEqual([link(1), stopUrl]);
    expect(text).toContain(stopUrl);
  });

  test('without a name and a message it does without', () => {
    const { subject, html } = share({ senderName: null, photoCount: 1 });
    expect(subject).toBe('1 photo shared with you');
    expect(html).toContain('A customer of ours shares 1 photo with you');
    expect(html).not.toContain('class="note"');
  });
});

describe('all of them', () => {
  const evil = '<img src=x onerror=alert(1)> "quoted" & {{orderUrl}}';
  test.each([
    ['restoration complete', () => complete({ failed: [evil], photos: [{ name: evil, url: link(1) }] })],
    ['share', () => share({ message: evil })],
  ])('in the %s markup from people is shown, not obeyed', (_, make) => {
    const { html, text } = make();
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img');
    expect(html).toContain('{{orderUrl}}');
    expect(text).toContain(evil);
  });

  test.each([
    ['order confirmation', (customerName: string) => confirmation({ customerName })],
    ['restoration complete', (customerName: string) => complete({ customerName })],
    ['share', (senderName: string) => share({ senderName })],
  ])('the %s calls nobody what is no name, and lets no name into its subject', (_, make) => {
    const good = make('Zoë O’Neil');
    expect(good.text).toContain('Zoë O’Neil');
    expect(good.subject).toBe(make('Bob').subject);
    for (const bait of ['Visit prize.example', 'Ann\r\nBcc: all@example.com\n\n\u202Eevil', evil]) {
      const { subject, html, text } = make(bait);
      expect(subject).toBe(good.subject);
      expect(html + text).not.toMatch(/prize|all@example|evil|onerror/);
    }
  });

  test.each([
    ['order confirmation', confirmation],
    ['restoration complete', complete],
    ['share', share],
  ])('the %s leaves no tag of its template, loads nothing, and suits the dark', (_, make) => {
    const { html, text } = make();
    expect(html + text).not.toMatch(/\{\{|\}\}|undefined|\[object|null/);
    expect(html).not.toMatch(/<img|<script|<link|url\(|@import/);
    expect(html).toContain('name="color-scheme" content="light dark"');
    expect(html).toMatch(/^<!doctype html>/);
  });

  test('data that does not fit is refused', () => {
    expect(() => confirmation({ orderUrl: 'javascript:alert(1)' })).toThrow();
    expect(() => complete({ maxDownloads: -1 })).toThrow();
    expect(() => share({ url: '' })).toThrow();
  });
});
