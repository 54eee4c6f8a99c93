/** How a reader of pictures says that a file cannot be taken. */
import type { Refusal } from '../../photo-types.ts';

export class RefusedPicture extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, why: string) {
    super(why);
    this.refusal = refusal;
  }
}

/** The picture breaks off, or what is there is none. */
export const damaged = (why: string) => new RefusedPicture('damaged', why);
