/** Reads a multipart form whose last field is a file, without holding the file. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { AwsError } from '../gateway/index.ts';
import type { S3Request } from './catalogue.ts';
import { invalidArgument } from './errors.ts';
import { bodyOf } from './intake.ts';
import type { Fields } from './post-policy.ts';

/** S3 allows 20 kB before the file. */
const largestPreamble = 20_000;

export type Form = {
  fields: Fields;
  /** Throws MalformedPOSTRequest when the body breaks off. */
  file: AsyncIterable<Buffer>;
  /** Resolves when the whole form was well-formed to its end, rejects when not. */
  ended: Promise<void>;
  /** Gives up on what has not been read. */
  abandon(): void;
};

const malformed = () => {
  const message = 'The body of your POST request is not well-formed multipart/form-data.';
  return new AwsError('MalformedPOSTRequest', message);
};

const preambleTooLarge = () => {
  const message = 'Your POST request fields preceding the upload file were too large.';
  const detail = { MaxPostPreDataLengthBytes: String(largestPreamble) };
  return new AwsError('MaxPostPreDataLengthExceeded', message, 400, detail);
};

function openParser({ headers }: S3Request): busboy.Busboy {
  try {
    return busboy({
      headers: { 'content-type': headers['content-type'] },
      limits: { fieldSize: largestPreamble, files: 1 },
    });
  } catch {
    throw malformed();
  }
}

/** Collects fields until the file begins; those after it are ignored, as S3 does. */
async function untilFile(parser: busboy.Busboy): Promise<{ fields: Fields; file: Readable }> {
  const fields = new Map<string, string>();
  let size = 0;
  parser.on('field', (name, value, { valueTruncated }) => {
    // A part may lack its name, whatever the types say.
    const field = `${name}`.toLowerCase();
    size += field.length + value.length;
    fields.set(field, value);
    if (valueTruncated || size > largestPreamble) parser.destroy(preambleTooLarge());
  });
  const ended = once(parser, 'close').then((): never => {
    throw invalidArgument('POST requires exactly one file upload per request.', 'file', '0');
  });
  const begun = new Promise<{ fields: Fields; file: Readable }>((resolve) => {
    parser.once('file', (name, file) => {
      // Whoever reads it hears of its failure; until then nobody listens.
      file.on('error', () => {});
      if (name === 'file') resolve({ fields: new Map(fields), file });
      else file.resume();
    });
  });
  return Promise.race([begun, ended]);
}

async function* contents(file: Readable): AsyncGenerator<Buffer> {
  try {
    yield* file;
  } catch {
    throw malformed();
  }
}

/** Reads the fields of the form in `request`, up to its file. */
export async function openForm(request: S3Request): Promise<Form> {
  const parser = openParser(request);
  const ended = pipeline(bodyOf(request.call, malformed), parser).catch((error: unknown) => {
    throw error instanceof AwsError ? error : malformed();
  });
  ended.catch(() => {});
  try {
    const { fields, file } = await untilFile(parser);
    return { fields, file: contents(file), ended, abandon: () => void parser.destroy() };
  } catch (error) {
    await ended;
    throw error;
  }
}
