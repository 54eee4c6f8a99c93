/** Resolves CloudFormation's intrinsic functions, as far as the template uses them. */
import { z } from 'zod';
import type { Resource } from './assembly.ts';
import { type LocalAddresses, meanings, physicalName, pseudoParameters } from './names.ts';

/** @param path where the value stands, for errors: `Queue/Properties/DelaySeconds` */
export type Resolve = (value: unknown, path: string) => unknown;

const list = z.array(z.unknown());
const join = z.tuple([z.string(), z.unknown()]);
const select = z.tuple([z.coerce.number().int().nonnegative(), z.unknown()]);
const split = z.tuple([z.string(), z.unknown()]);
const substitution = z.union([z.string(), z.tuple([z.string(), z.record(z.string(), z.unknown())])]);
const attribute = z.tuple([z.string(), z.string()]);

/** @throws Error, from what it returns, naming the resource and path of whatever it does not know */
export function createResolve(resources: Map<string, Resource>, local: LocalAddresses): Resolve {
  const intrinsics: Record<string, (argument: unknown, path: string) => unknown> = {
    Ref: (argument, path) => reference(z.string().parse(argument), path),
    'Fn::GetAtt': (argument, path) => getAttribute(...attribute.parse(argument), path),
    'Fn::Join': (argument, path) => {
      const [delimiter, parts] = join.parse(argument);
      return list.parse(resolve(parts, path)).map(text(path)).join(delimiter);
    },
    'Fn::Split': (argument, path) => {
      const [delimiter, whole] = split.parse(argument);
      return text(path)(resolve(whole, path)).split(delimiter);
    },
    'Fn::Select': (argument, path) => {
      const [index, items] = select.parse(argument);
      const item = list.parse(resolve(items, path))[index];
      if (item === undefined) throw new Error(`${path}: there is no item ${index} to select.`);
      return item;
    },
    'Fn::Sub': (argument, path) => substitute(substitution.parse(argument), path),
  };

  function resolve(value: unknown, path: string): unknown {
    if (Array.isArray(value)) return value.map((item, index) => resolve(item, `${path}/${index}`));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [only] = entries;
    if (only && entries.length === 1 && (only[0] === 'Ref' || only[0].startsWith('Fn::'))) {
      const [name, argument] = only;
      const intrinsic = intrinsics[name];
      if (!intrinsic) throw new Error(`${path}: ${name} is not resolved locally.`);
      return intrinsic(argument, path);
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, resolve(item, `${path}/${key}`)]));
  }

  function reference(name: string, path: string): unknown {
    const pseudo = pseudoParameters[name];
    if (pseudo !== undefined) return pseudo;
    const resource = resourceOf(name, path);
    // These two stand for another resource: the secret that is attached, the function that this is a version of.
    if (resource.type === 'AWS::SecretsManager::SecretTargetAttachment') {
      return resolve(resource.properties.SecretId, path);
    }
    if (resource.type === 'AWS::Lambda::Version') {
      const { Ref: id } = z.object({ Ref: z.string() }).parse(resource.properties.FunctionName);
      return `${getAttribute(id, 'Arn', path)}:1`;
    }
    const meaning = meanings[resource.type];
    if (!meaning)
      throw new Error(`${path}: what Ref means for ${resource.type} (${name}) is not known locally.`);
    return meaning.ref(physicalName(name), local);
  }

  function getAttribute(name: string, key: string, path: string): string {
    const { type } = resourceOf(name, path);
    const value = meanings[type]?.attributes?.[key];
    if (!value) throw new Error(`${path}: the attribute ${key} of ${type} (${name}) is not known locally.`);
    return value(physicalName(name), local);
  }

  function resourceOf(name: string, path: string): Resource {
    const resource = resources.get(name);
    if (!resource) throw new Error(`${path}: there is no resource ${name}.`);
    return resource;
  }

  function substitute(argument: z.infer<typeof substitution>, path: string): string {
    const [template, own] = typeof argument === 'string' ? [argument, {}] : argument;
    return template.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in own) return text(path)(resolve(own[name], path));
      const [id = '', ...rest] = name.split('.');
      return text(path)(rest.length > 0 ? getAttribute(id, rest.join('.'), path) : reference(name, path));
    });
  }
  return resolve;
}

function text(path: string) {
  return (value: unknown): string => {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw new Error(`${path}: a text was expected, but there is ${JSON.stringify(value)}.`);
  };
}
