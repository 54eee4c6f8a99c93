/** One look at a prediction for the poller, which waits, loops and gives up. A throttled or broken look throws; the poller tries again. */
import { pollerInput } from '../messages.ts';
import { restorations } from '../provider.ts';

export async function handler(event: unknown) {
  const { predictionId } = pollerInput.parse(event);
  return (await restorations()).getPrediction(predictionId);
}
