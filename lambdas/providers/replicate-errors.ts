/** What the error of a failed prediction means: Replicate's codes, and the words of the models. */
import type { RestorationCode } from './restoration-codes.ts';

/** `source`: where these words stand. They are matched in this order: codes before words. */
type Meaning = { words: RegExp; code: RestorationCode; source: string };

/**
 * Final are moderation and what cannot be read; all else is worth another attempt. A code stands in
 * parentheses, and a reference may follow it: “… (E005) (uIJ6l3ruRD)”.
 */
export const replicateErrors: readonly Meaning[] = [
  { words: /\bE005\b/, code: 'moderation_refused', source: 'seen of flux-kontext-apps/restore-image' },
  { words: /\bE1000\b/, code: 'prediction_failed', source: 'Replicate, error codes: unknown error' },
  { words: /\bE1001\b/, code: 'provider_out_of_memory', source: 'Replicate, error codes: out of memory' },
  { words: /\bE6716\b/, code: 'prediction_timed_out', source: 'Replicate, error codes: start timeout' },
  {
    words: /flagged as sensitive|\bNSFW\b/i,
    code: 'moderation_refused',
    source: 'seen with and without a code: the safety checkers of Flux and Stable Diffusion',
  },
  {
    words: /image file is truncated|cannot identify image|broken (data stream|PNG)|unrecognized data stream/i,
    code: 'input_rejected',
    source: 'Pillow, ImageFile.py, Image.py and PngImagePlugin.py',
  },
  {
    words: /unsupported image/i,
    code: 'input_rejected',
    source: 'seen of models that check the type themselves',
  },
  {
    words: /out of memory|\bOutOfMemoryError\b/i,
    code: 'provider_out_of_memory',
    source: 'PyTorch, CUDACachingAllocator.cpp; a GPU is shared, and the next one may have room',
  },
  {
    words: /prediction interrupted|\(code: PA\)/i,
    code: 'prediction_interrupted',
    source: 'seen: Replicate stopped the model’s machine, and asks for another try',
  },
  {
    words: /failed to (download|fetch)/i,
    code: 'input_unavailable',
    source: 'seen of models; the photo is all that they fetch',
  },
];

/** The code of an error that is in the table; the first that fits. */
export const knownError = (error: string): RestorationCode | undefined =>
  replicateErrors.find(({ words }) => words.test(error))?.code;
