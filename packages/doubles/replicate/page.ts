/** The page for people: every prediction with its photograph before and after. */

import type { Clock } from '@restoreclick/local-aws';
import type { FastifyInstance } from 'fastify';
import sharp from 'sharp';
import { type Html, html, page } from '../html.ts';
import type { Faults } from './faults.ts';
import { hasEnded, type Prediction } from './prediction.ts';
import type { Predictions } from './predictions.ts';

const shownAtMost = 60;
const thumbnailSide = 320;

type Shown = { predictions: Predictions; faults: Faults; clock: Clock };

/** `/`, and the thumbnails it shows. */
export function servePage(server: FastifyInstance, { predictions, faults, clock }: Shown): void {
  server.get('/', (_request, reply) => {
    const ordered = faults.pending().map(({ fault, calls }) => `${fault} × ${calls}`);
    const shown = wholePage(predictions.newestFirst(), ordered.join(', '), clock.now());
    return reply.type('text/html').send(shown);
  });
  server.get<{ Params: { id: string; which: string } }>('/thumbnails/:id/:which', async (request, reply) => {
    const { id, which } = request.params;
    const prediction = predictions.get(id);
    const name = which === 'after' ? prediction?.outputFile : 'input';
    const bytes = prediction && name ? await predictions.file(id, name) : undefined;
    const picture = bytes && (await thumbnail(bytes));
    return picture ? reply.type('image/jpeg').send(picture) : reply.code(404).send();
  });
}

/** Undefined for what is no picture. */
function thumbnail(bytes: Buffer): Promise<Buffer | undefined> {
  return sharp(bytes)
    .autoOrient()
    .resize(thumbnailSide, thumbnailSide, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#fff' })
    .jpeg()
    .toBuffer()
    .catch(() => undefined);
}

function wholePage(all: Prediction[], ordered: string, now: number): string {
  const running = all.filter((prediction) => !hasEnded(prediction)).length;
  return page({
    title: 'Replicate (local)',
    head: running > 0 && html`<meta http-equiv="refresh" content="2">`,
    body: html`<main class="desk"><h1>Replicate, on this machine</h1>
<p class="soft">${all.length} predictions, ${running} running. sharp restores here: levels, colours, a median
for scratches and dust. What goes in and comes out is forgotten after an hour.
${ordered && `To go wrong next: ${ordered}.`}</p>
<div class="photos">${all.slice(0, shownAtMost).map((prediction) => card(prediction, now))}</div>
${all.length === 0 && html`<p class="card soft">No prediction yet.</p>`}</main>`,
  });
}

function card(prediction: Prediction, now: number): Html {
  const { id, status, error, createdAt, model, dataRemoved, outputFile } = prediction;
  const picture = (which: string, there: boolean) =>
    there
      ? html`<img src="/thumbnails/${id}/${which}" alt="${which}">`
      : html`<div>${dataRemoved ? 'forgotten' : which}</div>`;
  const age = Math.max(0, Math.round((now - Date.parse(createdAt)) / 60_000));
  const tone = { succeeded: 'good', failed: 'bad' }[status as string] ?? '';
  return html`<article id="${id}" class="card">
<figure>${picture('before', prediction.startedAt !== null && !dataRemoved)}${picture('after', outputFile !== null)}</figure>
<span class="badge ${tone}">${status}</span> <span class="quiet">${age} min ago · ${model}</span>
<p class="ids">${id}</p>${error && html`<p class="quiet">${error}</p>`}</article>`;
}
