/** A prediction: what the double keeps of it, and how Replicate's API shows it. */

export type Status = 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'aborted';
export type WebhookEvent = 'start' | 'output' | 'logs' | 'completed';

/** Times are ISO 8601 by the local clock. */
export type Prediction = {
  id: string;
  model: string;
  version: string;
  input: Record<string, unknown>;
  status: Status;
  error: string | null;
  logs: string;
  /** Name of the output file, if there is one. */
  outputFile: string | null;
  dataRemoved: boolean;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
  /** When it is stopped if it has not ended: aborted before it started, canceled after. */
  deadline: string;
  webhook?: string;
  webhookEvents: WebhookEvent[];
  /** What was ordered to go wrong with it. */
  fault?: string;
};

export const hasEnded = ({ status }: Prediction): boolean => status !== 'starting' && status !== 'processing';

/** The prediction as the API answers it. */
export function present(prediction: Prediction, url: string) {
  const { id, startedAt, completedAt, createdAt, outputFile } = prediction;
  const seconds = (from: string | null) =>
    completedAt && from ? { value: (Date.parse(completedAt) - Date.parse(from)) / 1000 } : undefined;
  const predictTime = seconds(startedAt);
  const totalTime = seconds(createdAt);
  return {
    id,
    model: prediction.model,
    version: prediction.version,
    input: prediction.input,
    logs: prediction.logs,
    output: outputFile && !prediction.dataRemoved ? `${url}/delivery/${id}/${outputFile}` : null,
    data_removed: prediction.dataRemoved,
    error: prediction.error,
    source: 'api',
    status: prediction.status,
    created_at: createdAt,
    started_at: startedAt,
    completed_at: completedAt,
    deadline: prediction.deadline,
    metrics: {
      ...(predictTime && { predict_time: predictTime.value }),
      ...(totalTime && { total_time: totalTime.value }),
    },
    urls: {
      get: `${url}/v1/predictions/${id}`,
      cancel: `${url}/v1/predictions/${id}/cancel`,
      web: `${url}/#${id}`,
    },
  };
}
