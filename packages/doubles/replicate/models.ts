/** The models that the double runs: the ones the product uses, with the inputs they take. */
import { z } from 'zod';

/** Input of `flux-kontext-apps/restore-image`, as its schema says. */
const restoreImage = z.object({
  input_image: z.url(),
  output_format: z.enum(['png', 'jpg']).default('png'),
  safety_tolerance: z.int().min(0).max(2).default(2),
  seed: z.int().optional(),
});

export type ModelInput = z.output<typeof restoreImage>;

export type Model = { name: string; version: string; input: z.ZodType<ModelInput> };

const models: Model[] = [
  {
    name: 'flux-kontext-apps/restore-image',
    version: '85ae46551612b8f778348846b6ce1ce1b340e384fe2062399c0c412be29e107d',
    input: restoreImage,
  },
];

/** By `owner/name`. */
export const modelNamed = (name: string): Model | undefined => models.find((model) => model.name === name);

/**
 * By `owner/name`, `owner/name:version` or the version alone, as `POST /v1/predictions` takes it.
 */
export function modelOfVersion(reference: string): Model | undefined {
  return models.find(({ name, version }) => [name, version, `${name}:${version}`].includes(reference));
}

/** What is wrong with an input, as Replicate lists it. */
export function invalidFields(error: z.ZodError, input: Record<string, unknown>) {
  return error.issues.map(({ path, message }) => {
    const field = path.join('.');
    return field in input
      ? { type: 'invalid', field: `input.${field}`, description: message }
      : { type: 'required', field: 'input', description: `${field} is required` };
  });
}
