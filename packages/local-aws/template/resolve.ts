/** Resolves CloudFormation's intrinsic functions, as far as the template uses them. */
import { z } from 'zod';
import type { Resource } from './assembly.ts';
import { type LocalAddresses, meanings, physicalName, pseudoParameters } from './names.ts';

/** @param path where the value stands, for errors: `Queue/Properties/DelaySeconds` */
export type Resolve = (value: unknown, path: string) => unknown;

type Context = { resources: Map<string, Resource>; local: LocalAddresses };

const list = z.array(z.unknown());
const join = z.tuple([z.string(), z.unknown()]);
const substitution = z.union([z.string(), z.tuple([z.string(), z.record(z.string(), z.unknown())])]);
const attribute = z.tuple([z.string(), z.string()]);

/** @throws Error, from what it returns, naming the resource and path of what it does not know */
export function createResolve(resources: Map<string, Resource>, local: LocalAddresses): Resolve {
  const context = { resources, local };
  return (value, path) => resolve(context, value, path);
}

function resolve(context: Context, value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item, index) => resolve(context, item, `${path}/${index}`));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only && entries.length === 1 && (only[0] === 'Ref' || only[0].startsWith('Fn::'))) {
    const [name, argument] = only;
    const intrinsic = intrinsics[name];
    if (!intrinsic) throw new Error(`${path}: ${name} is not resolved locally.`);
    return intrinsic(context, argument, path);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, resolve(context, item, `${path}/${key}`)]));
}

type Intrinsic = (context: Context, argument: unknown, path: string) => unknown;

const intrinsics: Record<string, Intrinsic> = {
  Ref: (context, argument, path) => reference(context, z.string().parse(argument), path),
  'Fn::GetAtt': (context, argument, path) => getAttribute(context, ...attribute.parse(argument), path),
  'Fn::Join'(context, argument, path) {
    const [delimiter, parts] = join.parse(argument);
    return list
      .parse(resolve(context, parts, path))
      .map(text(path))
      .join(delimiter);
  },
  'Fn::Sub': (context, argument, path) => substitute(context, substitution.parse(argument), path),
};

function reference(context: Context, name: string, path: string): unknown {
  const pseudo = pseudoParameters[name];
  if (pseudo !== undefined) return pseudo;
  const { type, properties } = resourceOf(context, name, path);
  // These two stand for another resource: the secret that is attached, the version's function.
  if (type === 'AWS::SecretsManager::SecretTargetAttachment')
    return resolve(context, properties.SecretId, path);
  if (type === 'AWS::Lambda::Version') {
    const { Ref: id } = z.object({ Ref: z.string() }).parse(properties.FunctionName);
    return `${getAttribute(context, id, 'Arn', path)}:1`;
  }
  const meaning = meanings[type];
  if (!meaning) throw new Error(`${path}: what Ref means for ${type} (${name}) is not known locally.`);
  return meaning.ref(physicalName(name), context.local);
}

function getAttribute(context: Context, name: string, key: string, path: string): string {
  const { type } = resourceOf(context, name, path);
  const value = meanings[type]?.attributes?.[key];
  if (!value) throw new Error(`${path}: the attribute ${key} of ${type} (${name}) is not known locally.`);
  return value(physicalName(name), context.local);
}

function resourceOf({ resources }: Context, name: string, path: string): Resource {
  const resource = resources.get(name);
  if (!resource) throw new Error(`${path}: there is no resource ${name}.`);
  return resource;
}

function substitute(context: Context, argument: z.infer<typeof substitution>, path: string): string {
  const [template, own] = typeof argument === 'string' ? [argument, {}] : argument;
  return template.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal) return `\${${name}}`;
    if (name in own) return text(path)(resolve(context, own[name], path));
    const [id = '', ...rest] = name.split('.');
    if (rest.length > 0) return getAttribute(context, id, rest.join('.'), path);
    return text(path)(reference(context, name, path));
  });
}

function text(path: string) {
  return (value: unknown): string => {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw new Error(`${path}: a text was expected, but there is ${JSON.stringify(value)}.`);
  };
}
