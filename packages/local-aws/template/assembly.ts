/** Reads a cloud assembly as CDK writes it: the one stack's template, and where its assets lie. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

export type Resource = { type: string; properties: Record<string, unknown> };

export type Assembly = {
  /** By logical id, in the template's order. */
  resources: Map<string, Resource>;
  /** Absolute path of the asset that is uploaded under this key, if there is one. */
  assetOf(objectKey: string): string | undefined;
};

const manifestShape = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      properties: z.object({ templateFile: z.string().optional(), file: z.string().optional() }).optional(),
    }),
  ),
});

const templateShape = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).default({}),
      Condition: z.string().optional(),
    }),
  ),
});

const assetsShape = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string() }),
      destinations: z.record(z.string(), z.object({ objectKey: z.string() })),
    }),
  ),
});

/** @throws Error unless the assembly holds exactly one stack, without conditions on resources */
export function readAssembly(folder: string): Assembly {
  const read = <T>(file: string, shape: z.ZodType<T>): T =>
    shape.parse(JSON.parse(readFileSync(resolve(folder, file), 'utf8')));
  const artifacts = Object.values(read('manifest.json', manifestShape).artifacts);
  const filesOf = (type: string) => artifacts.filter((artifact) => artifact.type === type);

  const [stack, ...others] = filesOf('aws:cloudformation:stack');
  const templateFile = stack?.properties?.templateFile;
  if (!templateFile || others.length > 0) throw new Error(`The assembly in ${folder} must hold one stack.`);

  const assets = new Map<string, string>();
  for (const { properties } of filesOf('cdk:asset-manifest')) {
    for (const { source, destinations } of Object.values(read(properties?.file ?? '', assetsShape).files)) {
      for (const { objectKey } of Object.values(destinations))
        assets.set(objectKey, resolve(folder, source.path));
    }
  }
  return { resources: resourcesOf(read(templateFile, templateShape)), assetOf: (key) => assets.get(key) };
}

function resourcesOf(template: z.infer<typeof templateShape>): Map<string, Resource> {
  const resources = new Map<string, Resource>();
  for (const [logicalId, { Type: type, Properties: properties, Condition }] of Object.entries(
    template.Resources,
  )) {
    if (Condition)
      throw new Error(`${logicalId}: resources under a condition (${Condition}) are not read locally.`);
    resources.set(logicalId, { type, properties });
  }
  return resources;
}
