/** Test file: one `.any.js` of Web Platform Tests, with all that it needs, as one body of code for a sandbox. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import vm from 'node:vm';

export interface TestRun {
  /** Path below the checkout, with the variant. */
  readonly name: string;
  /** A body that returns a {@link Report}. */
  readonly code: string;
}

/** What a run gives back. Status 0 is a pass; see testharness.js. */
export interface Report {
  readonly tests: readonly (readonly [name: string, status: number, message: string | null])[];
  readonly status: number;
  readonly message: string | null;
}

const MAX_RESOURCE_BYTES = 4 * 1024 * 1024;

/** Every `.any.js` below the folder, sorted. */
export function testFiles(checkout: string, folder: string): string[] {
  const root = join(checkout, folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.any.js'))
    .map((path) => join(root, path))
    .sort();
}

/** One run for each variant. `host` is what serves the checkout; null where nothing does. */
export function runsOf(checkout: string, path: string, host: string | null): TestRun[] {
  const text = readFileSync(path, 'utf8');
  const scripts = metas(text, 'script').map((script) => resolveIn(checkout, path, script));
  const sources = [...scripts.map(readScript), text];
  const resources = resourcesOf(checkout, path, [...scripts, path], sources.join('\n'));
  const variants = metas(text, 'variant');
  const urlPath = relative(checkout, path).split(sep).join('/');
  return (variants.length === 0 ? [''] : variants).map((variant) => ({
    name: `${urlPath}${variant}`,
    code: bodyOf(checkout, urlPath, variant, [scopes(text), ...sources], resources, host),
  }));
}

function bodyOf(
  checkout: string,
  urlPath: string,
  variant: string,
  sources: readonly string[],
  resources: Readonly<Record<string, string>>,
  host: string | null,
): string {
  const harness = readFileSync(join(checkout, 'resources/testharness.js'), 'utf8');
  const { href, origin, pathname, search, protocol, hostname, port, ...rest } = new URL(
    `http://${host ?? 'web-platform.test'}/${urlPath}${variant}`,
  );
  const location = { href, origin, pathname, search, protocol, host: rest.host, hostname, port };
  return [
    `self.location = { ...${JSON.stringify(location)}, toString() { return this.href; } };`,
    `self.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };`,
    RELATIVE_URLS,
    host === null ? fileFetch(resources, dirname(urlPath)) : '',
    harness,
    `const report = new Promise((resolve) => add_completion_callback((tests, status) => resolve({
      tests: tests.map((test) => [test.name, test.status, test.message]), status: status.status, message: status.message,
    })));`,
    ...sources,
    ';return report;',
  ].join('\n');
}

/** A sandbox has no address of its own; a test has one, and names others as seen from it. */
const RELATIVE_URLS = `{
  const [NativeRequest, native, redirect] = [Request, self.fetch, Response.redirect];
  const absolute = (input) => input instanceof NativeRequest ? input : new URL(input, location.href).href;
  self.Request = new Proxy(NativeRequest, {
    construct: (target, [...args], newTarget) => {
      if (args.length > 0) args[0] = absolute(args[0]);
      return Reflect.construct(target, args, newTarget === self.Request ? target : newTarget);
    },
  });
  NativeRequest.prototype.constructor = self.Request;
  self.fetch = (...args) => {
    try {
      if (args.length > 0) args[0] = absolute(args[0]);
    } catch (error) {
      return Promise.reject(error);
    }
    return native(...args);
  };
  Response.redirect = (url, ...rest) => redirect.call(Response, new URL(url, location.href).href, ...rest);
}`;

/** The files of the checkout that a test asks for by name take the place of a server. */
function fileFetch(resources: Readonly<Record<string, string>>, folder: string): string {
  return `{
  const files = ${JSON.stringify(resources)};
  const native = self.fetch;
  self.fetch = (input, init) => {
    const path = typeof input !== 'string' || /^\\w+:/.test(input) ? null : input.startsWith('/') ? input.slice(1) : ${JSON.stringify(`${folder}/`)} + input;
    const parts = [];
    for (const part of (path ?? '').split('/')) if (part === '..') parts.pop(); else if (part !== '.') parts.push(part);
    const file = files[parts.join('/')];
    return file === undefined ? native(input, init) : Promise.resolve(new Response(file));
  };
}`;
}

/**
 * What idlharness.js asks of its realm: to be one of those that an interface may be exposed in, and to evaluate the
 * expressions by which a test makes its objects. A guest evaluates no text, so these are functions, made here.
 */
function scopes(text: string): string {
  if (!text.includes('idl_test(')) return '';
  const made = [...text.matchAll(/(["'`])((?:(?!\1).)+)\1/g)]
    .map(([, , expression = '']) => expression)
    .filter(isExpression)
    .map((expression) => `${JSON.stringify(expression)}: () => (${expression}),`);
  return `self.DedicatedWorkerGlobalScope = { [Symbol.hasInstance]: (value) => value === self };
{
  const made = { __proto__: null, ${made.join('\n')} };
  self.eval = (expression) => made[expression]();
}`;
}

function isExpression(text: string): boolean {
  try {
    new vm.Script(`() => (${text})`);
    return !text.startsWith('/');
  } catch {
    return false;
  }
}

function resourcesOf(
  checkout: string,
  path: string,
  files: readonly string[],
  text: string,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const add = (file: string): void => {
    if (!existsSync(file) || !statSync(file).isFile() || statSync(file).size > MAX_RESOURCE_BYTES) return;
    found[relative(checkout, file).split(sep).join('/')] = readFileSync(file, 'utf8');
  };
  for (const [, quoted = ''] of text.matchAll(/["'`]([\w./-]+\.(?:json|txt|idl|js))["'`]/g))
    for (const base of new Set([...files, path])) add(resolveIn(checkout, base, quoted));
  if (text.includes('idl_test('))
    for (const [, name = ''] of text.matchAll(/["']([\w-]+)["']/g)) add(join(checkout, 'interfaces', `${name}.idl`));
  return found;
}

/** Distributions leave this one out because it is built; it is the package webidl2. */
function readScript(path: string): string {
  if (!path.endsWith('/resources/WebIDLParser.js') || existsSync(path)) return readFileSync(path, 'utf8');
  const parser = readFileSync(createRequire(import.meta.url).resolve('webidl2'), 'utf8');
  return `self.WebIDL2 = ((module) => { const { exports } = module; ${parser}
return module.exports; })({ exports: {} });`;
}

function resolveIn(checkout: string, from: string, reference: string): string {
  return reference.startsWith('/') ? join(checkout, reference) : resolve(dirname(from), reference);
}

function metas(text: string, key: string): string[] {
  return [...text.matchAll(/^\/\/ META: (\w+)=(.*)$/gm)]
    .filter(([, name]) => name === key)
    .map(([, , value = '']) => value.trim());
}
