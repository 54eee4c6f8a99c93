/** Colour and contrast: takes the yellow out, gives the blacks and whites back, and keeps a black-and-white print black and white. */
import { at, boxMean, channels, luminance, mapPicture, type Picture, percentile, plane } from './plane.ts';

/** Undoes fading and yellowing: each channel's darkest and lightest become black and white. */
export function balance(picture: Picture): Picture {
  return mapPicture(picture, (from) => {
    // Measured on a blurred copy, so that white scratches and dust do not pass for the photograph's own white.
    const calm = boxMean(from, 3);
    const dark = percentile(calm, 0.01);
    const light = Math.max(dark + 16, percentile(calm, 0.985));
    return plane(from, (i) => 6 + ((at(from.values, i) - dark) / (light - dark)) * 240);
  });
}

/** How strong a picture's colours are: root mean square distance from grey, without grain. */
export function colourfulness(picture: Picture): number {
  const grey = boxMean(luminance(picture), 4);
  const squares = channels.map((name) => {
    const calm = boxMean(picture[name], 4);
    return calm.values.reduce((sum, value, i) => sum + (value - at(grey.values, i)) ** 2, 0);
  });
  return Math.sqrt(squares.reduce((a, b) => a + b, 0) / (3 * grey.values.length));
}

/** Brings pale colours back up to what a photograph has; what is nearly grey was grey, and becomes so. */
export function revive(picture: Picture): Picture {
  const strength = colourfulness(picture);
  const gain = strength < 9 ? 0 : Math.min(1.7, Math.max(1, 34 / strength));
  const grey = luminance(picture);
  return mapPicture(picture, (from) =>
    plane(from, (i) => at(grey.values, i) + gain * (at(from.values, i) - at(grey.values, i))),
  );
}

/** Local contrast: moves each pixel away from its wider surroundings by a share of how far it is from them, up to a limit. */
export function enliven(picture: Picture, share: number): Picture {
  const grey = luminance(picture);
  const radius = Math.round(Math.min(grey.width, grey.height) / 24);
  const around = boxMean(boxMean(grey, radius), radius);
  const lift = plane(grey, (i) => {
    const distance = at(grey.values, i) - at(around.values, i);
    return share * Math.max(-40, Math.min(40, distance));
  });
  return mapPicture(picture, (from) => plane(from, (i) => at(from.values, i) + at(lift.values, i)));
}
