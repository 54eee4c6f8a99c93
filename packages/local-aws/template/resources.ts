/** A template's resources, read by type, references resolved and their shape checked. */
import { z } from 'zod';
import { type Assembly, readAssembly } from './assembly.ts';
import type { Identity } from './model.ts';
import { type LocalAddresses, physicalName } from './names.ts';
import { createResolve } from './resolve.ts';

export type Template = {
  /** Logical ids of the resources of this type, in the template's order. */
  idsOf(type: string): string[];
  /** What `Ref` of a resource resolves to. */
  ref(logicalId: string): string;
  /**
   * A resource's properties, resolved and in the shape.
   * @param irrelevant properties that mean nothing on one machine
   * @throws Error naming the resource, for a property that is neither in the shape nor irrelevant
   */
  read<Shape extends z.ZodRawShape>(
    logicalId: string,
    shape: Shape,
    irrelevant?: string[],
  ): z.infer<z.ZodObject<Shape>>;
  identify(logicalId: string): Identity;
  /** The logical id behind a physical name, an ARN or an address. */
  idByReference(type: string, reference: string): string;
  assetOf: Assembly['assetOf'];
};

export function openTemplate(folder: string, local: LocalAddresses): Template {
  const { resources, assetOf } = readAssembly(folder);
  const resolve = createResolve(resources, local);
  const idsOf = (type: string) =>
    [...resources].flatMap(([id, resource]) => (resource.type === type ? [id] : []));

  function read<Shape extends z.ZodRawShape>(logicalId: string, shape: Shape, irrelevant: string[] = []) {
    const { type, properties } = resources.get(logicalId) ?? { type: 'nothing', properties: {} };
    const relevant = Object.entries(properties).filter(([name]) => !irrelevant.includes(name));
    const unknown = relevant.find(([name]) => !(name in shape));
    if (unknown) throw new Error(`${logicalId}: ${unknown[0]} of ${type} is not known locally.`);
    const resolved = relevant.map(([name, value]) => {
      return [name, resolve(value, `${logicalId}/Properties/${name}`)];
    });
    const parsed = z.object(shape).safeParse(Object.fromEntries(resolved));
    if (!parsed.success) throw new Error(`${logicalId} (${type}):\n${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }

  function idByReference(type: string, reference: string): string {
    const id = idsOf(type).find((each) => {
      const name = physicalName(each);
      return reference === name || reference.endsWith(`:${name}`) || reference.endsWith(`/${name}`);
    });
    if (!id) throw new Error(`"${reference}" is no ${type} of the template.`);
    return id;
  }
  const ref = (logicalId: string) => z.string().parse(resolve({ Ref: logicalId }, logicalId));
  function identify(logicalId: string) {
    // Secrets have no attribute with their ARN: a reference is the ARN.
    const isSecret = resources.get(logicalId)?.type === 'AWS::SecretsManager::Secret';
    const arn = isSecret ? ref(logicalId) : resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }, logicalId);
    return { logicalId, name: physicalName(logicalId), arn: z.string().parse(arn) };
  }
  return { idsOf, ref, identify, read, idByReference, assetOf };
}
