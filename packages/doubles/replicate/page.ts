/** The page for people: every prediction with its photograph before and after. */

import type { Clock } from '@restoreclick/local-aws';
import type { FastifyInstance } from 'fastify';
import sharp from 'sharp';
import type { Faults } from './faults.ts';
import { hasEnded, type Prediction } from './prediction.ts';
import type { Predictions } from './predictions.ts';

const shownAtMost = 60;
const thumbnailSide = 320;

type Shown = { predictions: Predictions; faults: Faults; clock: Clock };

/** `/`, and the thumbnails it shows. */
export function servePage(server: FastifyInstance, { predictions, faults, clock }: Shown): void {
  server.get('/', (_request, reply) => {
    const all = predictions.newestFirst();
    const cards = all.slice(0, shownAtMost).map((prediction) => card(prediction, clock.now()));
    const ordered = faults.pending().map(({ fault, calls }) => `${fault} × ${calls}`);
    return reply.type('text/html').send(page(all, cards.join(''), ordered.join(', ')));
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

function page(all: Prediction[], cards: string, ordered: string): string {
  const running = all.filter((prediction) => !hasEnded(prediction)).length;
  const refresh = running > 0 ? '<meta http-equiv="refresh" content="2">' : '';
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Replicate (local)</title>${refresh}
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;background:#faf7f2;color:#2b2620}
main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr))}
article{background:#fff;border:1px solid #e4dccf;border-radius:10px;padding:.8rem}
figure{display:grid;grid-template-columns:1fr 1fr;gap:3px;margin:0 0 .6rem}
figure div{aspect-ratio:1;background:#efe9df center/cover;border-radius:5px;display:grid;place-items:center;color:#766b5b}
img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:5px}
b{padding:.1rem .5rem;border-radius:1rem;background:#e7e0d4}b.succeeded{background:#d3ecd5}b.failed{background:#f5d3cf}
code,small{font-size:.8rem;color:#766b5b;overflow-wrap:anywhere}p{margin:.4rem 0 0}
</style></head><body><h1>Replicate, on this machine</h1>
<p>${all.length} predictions, ${running} running. What goes in and comes out is forgotten after an hour.
${ordered ? `To go wrong next: ${escapeHtml(ordered)}.` : ''}</p><main>${cards || '<p>No prediction yet.</p>'}</main></body></html>`;
}

function card(prediction: Prediction, now: number): string {
  const { id, status, error, createdAt, model, dataRemoved, outputFile } = prediction;
  const picture = (which: string, there: boolean) =>
    there
      ? `<img src="/thumbnails/${id}/${which}" alt="${which}" onerror="this.remove()">`
      : `<div>${dataRemoved ? 'forgotten' : which}</div>`;
  const age = Math.max(0, Math.round((now - Date.parse(createdAt)) / 60_000));
  return `<article id="${id}">
<figure>${picture('before', prediction.startedAt !== null && !dataRemoved)}${picture('after', outputFile !== null)}</figure>
<b class="${status}">${status}</b> <small>${age} min ago · ${escapeHtml(model)}</small>
<p><code>${id}</code></p>${error ? `<p><small>${escapeHtml(error)}</small></p>` : ''}</article>`;
}

const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
