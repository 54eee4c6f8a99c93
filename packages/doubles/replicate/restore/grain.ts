/** Grain: smooths what is flat and leaves edges alone. */
import { at, boxMean, luminance, mapPicture, type Picture, type Plane, plane } from './plane.ts';

/** Takes the grain out of the brightness a little, and out of the colours, where the eye misses nothing, a lot. */
export function calmGrain(picture: Picture): Picture {
  const grey = luminance(picture);
  const scale = Math.max(1, Math.min(grey.width, grey.height) / 512);
  const noise = grainOf(grey);
  const calm = guided(grey, grey, Math.round(2 * scale), noise * 1.7);
  return mapPicture(picture, (from) => {
    const colour = plane(from, (i) => at(from.values, i) - at(grey.values, i));
    const calmColour = guided(colour, calm, Math.round(8 * scale), 10);
    return plane(from, (i) => at(calm.values, i) + at(calmColour.values, i));
  });
}

/** How strong the grain is: the deviation that three pixels of four stay below, as in the picture's flat parts. */
function grainOf(grey: Plane): number {
  const mean = boxMean(grey, 1);
  const deviations = plane(grey, (i) => Math.abs(at(grey.values, i) - at(mean.values, i)));
  const sorted = Float32Array.from(deviations.values).sort();
  return 1.6 * at(sorted, Math.floor(sorted.length / 2));
}

/** Guided filter (He, Sun, Tang 2010): smooths `from` where `guide` varies less than `deviation`, and follows the guide's edges. */
function guided(from: Plane, guide: Plane, radius: number, deviation: number): Plane {
  const product = (a: Plane, b: Plane) => plane(a, (i) => at(a.values, i) * at(b.values, i));
  const meanGuide = boxMean(guide, radius);
  const meanFrom = boxMean(from, radius);
  const meanSquare = boxMean(product(guide, guide), radius);
  const meanProduct = boxMean(product(guide, from), radius);
  const slope = plane(from, (i) => {
    const variance = at(meanSquare.values, i) - at(meanGuide.values, i) ** 2;
    const covariance = at(meanProduct.values, i) - at(meanGuide.values, i) * at(meanFrom.values, i);
    return covariance / (variance + deviation ** 2);
  });
  const offset = plane(from, (i) => at(meanFrom.values, i) - at(slope.values, i) * at(meanGuide.values, i));
  const meanSlope = boxMean(slope, radius);
  const meanOffset = boxMean(offset, radius);
  return plane(from, (i) => at(meanSlope.values, i) * at(guide.values, i) + at(meanOffset.values, i));
}
