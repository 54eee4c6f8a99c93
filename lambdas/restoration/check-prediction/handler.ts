/** One look at a prediction for the poller, which waits and loops, also after a throw. */
import { pollerInput } from '../messages.ts';
import { restorations } from '../provider.ts';

export async function handler(event: unknown) {
  const { predictionId } = pollerInput.parse(event);
  return (await restorations()).getPrediction(predictionId);
}
