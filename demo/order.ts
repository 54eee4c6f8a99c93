/** Takes one order through the system as a customer would, and tells how long each flow took. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import {
  type Addresses,
  arrived,
  claim,
  type Download,
  download,
  downloadLinks,
  isDouble,
  linkTo,
  type Order,
  type OrderState,
  type Photo,
  pay,
  readMails,
  upload,
  watch,
} from './customer.ts';
import { createProgress } from './progress.ts';
import { sideBySide } from './side-by-side.ts';

const customer = { email: 'ada@example.com', name: 'Ada Example' };

/** The confirmation, and what became of it. */
const mailsPerOrder = 2;

type Timings = { flow: string; seconds: number }[];

/** Runs one flow and notes its time. */
async function timed<T>(timings: Timings, flow: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  timings.push({ flow, seconds: (performance.now() - start) / 1000 });
  return result;
}

async function uploadFlow(at: Addresses, photos: Photo[]): Promise<string> {
  const progress = createProgress(process.stdout);
  const states = photos.map(({ name }) => ({ name, state: 'sending' }));
  progress.show(states);
  const sessionId = await upload(at, photos, customer.email, (name) => {
    for (const line of states) if (line.name === name) line.state = 'sent';
    progress.show(states);
  });
  const session = await arrived(at, sessionId);
  progress.show(session.photos);
  progress.done();
  for (const { name, detail } of session.photos.filter(({ state }) => state === 'refused'))
    process.stdout.write(`   ${name}: ${detail}\n`);
  process.stdout.write(`   ${session.price.total} ${session.price.currency}\n`);
  return sessionId;
}

async function watchFlow(at: Addresses, order: Order): Promise<OrderState> {
  const progress = createProgress(process.stdout);
  const ended = await watch(at, order, ({ photos }) => progress.show(photos));
  progress.done();
  return ended;
}

const write = (folder: string, { name, bytes }: Download) => writeFile(join(folder, name), bytes);

/** Two photos may have one name; their files may not. */
function distinct(files: Download[]): Download[] {
  const taken = new Map<string, number>();
  return files.map(({ name, bytes }) => {
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    const { name: stem, ext } = parse(name);
    return { name: count === 1 ? name : `${stem} (${count})${ext}`, bytes };
  });
}

/** Downloads what the mail links to, and the originals by links of their own. */
async function downloadFlow(
  at: Addresses,
  order: Order,
  photos: OrderState['photos'],
  links: string[],
  folder: string,
) {
  await mkdir(join(folder, 'originals'), { recursive: true });
  const delivered = await Promise.all(links.map(download));
  const restoredPhotos = photos.filter(({ restored }) => restored);
  const pairs = await Promise.all(
    restoredPhotos.map(async ({ id, restored, name }) => {
      const [before, after] = await Promise.all(
        [id, restored?.id ?? id].map(async (imageId) => download(await linkTo(at, order, imageId))),
      );
      if (!before || !after) throw new Error(`${name} could not be downloaded.`);
      return { name, original: before, before: before.bytes, after: after.bytes };
    }),
  );
  const originals = distinct(pairs.map(({ original }) => original));
  await Promise.all([
    ...distinct(delivered).map((file) => write(folder, file)),
    ...originals.map((file) => write(join(folder, 'originals'), file)),
  ]);
  if (pairs.length > 0) await write(folder, { name: 'side-by-side.png', bytes: await sideBySide(pairs) });
  return delivered.length;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

/**
 * @param folder where the photos are written, in a folder named by the order's number
 * @throws Refused when the API says no, with its sentence
 */
export async function runOrder(at: Addresses, photos: Photo[], folder: string): Promise<void> {
  const timings: Timings = [];
  say(`\n1  Uploading ${photos.length} ${photos.length === 1 ? 'photo' : 'photos'}`);
  const sessionId = await timed(timings, 'upload', () => uploadFlow(at, photos));
  say('2  Paying');
  const order = await timed(timings, 'payment', async () =>
    claim(at, await pay(at, sessionId, customer, (page) => say(`   Please pay at ${page}`))),
  );
  say(`   order ${order.orderNumber}`);
  say('3  Restoring');
  if (at.restorations && isDouble(at.restorations))
    say('   by sharp on this machine: tones, scratches, dust, grain, twice the size; no neural network');
  const ended = await timed(timings, 'restoration', () => watchFlow(at, order));
  const failures = ended.photos.filter(({ restored }) => !restored).length;
  if (failures > 0)
    say(`   ${failures} of ${ended.photos.length} could not be restored: the mail says more.`);
  say('4  Reading the mail');
  if (!isDouble(at.mailbox)) throw new Error(`The mails went out for real; see ${at.mailbox}.`);
  const mails = await timed(timings, 'email', () =>
    readMails(at, customer.email, order.orderNumber, mailsPerOrder),
  );
  for (const { subject } of mails) say(`   “${subject}”`);
  say('5  Downloading');
  const target = join(folder, order.orderNumber);
  const links = [...new Set(mails.flatMap(downloadLinks))];
  const files = await timed(timings, 'download', () => downloadFlow(at, order, ended.photos, links, target));
  const all = failures === ended.photos.length;
  say(
    all
      ? '   There is nothing to download.'
      : `   ${files === 1 ? '1 file' : `${files} files`}, the originals and a side-by-side picture are in ${target}`,
  );
  say('');
  for (const { flow, seconds } of timings) say(`   ${flow.padEnd(12)} ${seconds.toFixed(1).padStart(5)} s`);
  const total = timings.reduce((sum, { seconds }) => sum + seconds, 0);
  say(`   ${'in all'.padEnd(12)} ${total.toFixed(1).padStart(5)} s`);
}
