/**
 * RemoteModules: modules that imports name by address. This process has no network: the host fetches them, by its own
 * rules, and hands them in; what it handed in once is kept with the sources, and looked for there first.
 */

import { createHash } from 'node:crypto';
import type * as esbuild from 'esbuild';
import { KEPT_MODULES, type KeptHead, type ModuleHead } from '../../wire/build-messages.ts';
import type { Project } from './project.ts';
import { highest } from './version-range.ts';

export interface FetchedModule extends ModuleHead {
  readonly bytes: Uint8Array;
}

/** Rejects with an Error whose message is one sentence. */
export type FetchModule = (url: string) => Promise<FetchedModule>;

/** The namespace of such modules; their paths are their addresses. */
export const REMOTE = 'remote';

const JSR = 'https://jsr.io/';
const JSR_SPECIFIER = /^jsr:\/?(@[a-z0-9-]+\/[a-z0-9-]+)(?:@([^/]+))?(\/.*)?$/;

/** By what the server says they are, then by what their names say. */
const LOADERS: readonly (readonly [type: RegExp, ending: RegExp, loader: esbuild.Loader])[] = [
  [/\/(?:x-)?tsx\b/, /\.tsx$/, 'tsx'],
  [/typescript\b|\/mp2t\b/, /\.[mc]?ts$/, 'ts'],
  [/\/jsx\b/, /\.jsx$/, 'jsx'],
  [/\bjson\b/, /\.json$/, 'json'],
  [/(?:java|ecma)script\b/, /\.[mc]?js$/, 'js'],
];

/** Modules whose whole meaning is a global that is here: what they would do themselves needs a socket. */
const STAND_INS: readonly (readonly [address: RegExp, code: string])[] = [
  [
    /^https:\/\/deno\.land\/std(?:@[^/]+)?\/http\/(?:server|mod)\.ts$/,
    'export const serve = (handler, options) => Deno.serve(options ?? {}, handler);\nexport const serveTls = serve;',
  ],
];

export class RemoteModules {
  readonly #project: Project;
  readonly #fetch: FetchModule | null;
  readonly #modules = new Map<string, Promise<FetchedModule>>();

  constructor(project: Project, fetch: FetchModule | null) {
    this.#project = project;
    this.#fetch = fetch;
  }

  /** Where the module that a specifier means was found. Rejects with an Error whose message is one sentence. */
  async addressOf(specifier: string): Promise<string> {
    const address = specifier.startsWith('jsr:') ? await this.#jsrAddress(specifier) : httpsAddress(specifier);
    return standInFor(address) === undefined ? (await this.#get(address)).url : address;
  }

  /** `path` as the module at `importer` means it. */
  neighbour(path: string, importer: string): string {
    return new URL(path, importer).href;
  }

  async load(url: string): Promise<{ readonly contents: Uint8Array | string; readonly loader: esbuild.Loader }> {
    const standIn = standInFor(url);
    if (standIn !== undefined) return { contents: standIn, loader: 'js' };
    const { contentType, bytes } = await this.#get(url);
    return { contents: bytes, loader: loaderOf(url, contentType) };
  }

  #get(url: string): Promise<FetchedModule> {
    const known = this.#modules.get(url);
    if (known !== undefined) return known;
    const module = this.#kept(url) ?? this.#ask(url);
    const got = Promise.resolve(module).then((fetched) => {
      if (fetched.url !== url) this.#modules.set(fetched.url, Promise.resolve(fetched));
      return fetched;
    });
    this.#modules.set(url, got);
    return got;
  }

  #kept(url: string): FetchedModule | null {
    const bytes = this.#project.bytes(keptPath(url));
    const end = bytes?.indexOf(0x0a) ?? -1;
    if (bytes === undefined || end === -1) return null;
    try {
      const head = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString()) as KeptHead;
      return head.asked === url
        ? { url: head.url, contentType: head.contentType, bytes: bytes.subarray(end + 1) }
        : null;
    } catch {
      return null;
    }
  }

  #ask(url: string): Promise<FetchedModule> {
    if (this.#fetch !== null) return this.#fetch(url);
    return Promise.reject(
      new Error(
        `${JSON.stringify(url)} can't be fetched: this server fetches no modules; upload the file, or install the package`,
      ),
    );
  }

  async #jsrAddress(specifier: string): Promise<string> {
    const [, name, range = '*', subpath = ''] = JSR_SPECIFIER.exec(specifier) ?? [];
    if (name === undefined)
      throw new Error(`${JSON.stringify(specifier)} is not of the form jsr:@scope/name@version/path`);
    const version = /^\d+\.\d+\.\d+$/.test(range) ? range : await this.#jsrVersion(specifier, name, range);
    const { exports } = (await this.#json(`${JSR}${name}/${version}_meta.json`)) as { exports?: unknown };
    const path =
      typeof exports === 'object' && exports !== null ? (exports as Record<string, unknown>)[`.${subpath}`] : undefined;
    if (typeof path !== 'string')
      throw new Error(`${JSON.stringify(specifier)}: version ${version} of ${name} exports nothing as ".${subpath}"`);
    return new URL(path, `${JSR}${name}/${version}/`).href;
  }

  async #jsrVersion(specifier: string, name: string, range: string): Promise<string> {
    const { versions } = (await this.#json(`${JSR}${name}/meta.json`)) as {
      versions?: Record<string, { yanked?: unknown }>;
    };
    const usable = Object.entries(versions ?? {}).flatMap(([version, about]) =>
      about.yanked === true ? [] : [version],
    );
    const version = highest(usable, range);
    if (version === null) throw new Error(`${JSON.stringify(specifier)}: ${name} has no version that ${range} allows`);
    return version;
  }

  async #json(url: string): Promise<object> {
    const { bytes } = await this.#get(url);
    try {
      return (JSON.parse(Buffer.from(bytes).toString()) ?? {}) as object;
    } catch {
      throw new Error(`${url} is not JSON`);
    }
  }
}

/** One file for each, by a name that any address can have. */
const keptPath = (url: string): string => KEPT_MODULES + createHash('sha256').update(url).digest('hex').slice(0, 32);

function httpsAddress(specifier: string): string {
  const url = URL.parse(specifier);
  if (url?.protocol === 'https:') return url.href;
  throw new Error(`${JSON.stringify(specifier)}: modules are fetched by https: only`);
}

const standInFor = (url: string): string | undefined => STAND_INS.find(([address]) => address.test(url))?.[1];

function loaderOf(url: string, contentType: string): esbuild.Loader {
  const { pathname } = new URL(url);
  const type = contentType.toLowerCase();
  const isPlain = type === '' || type.startsWith('text/plain') || type.startsWith('application/octet-stream');
  const byType = isPlain ? undefined : LOADERS.find(([pattern]) => pattern.test(type));
  return (byType ?? LOADERS.find(([, ending]) => ending.test(pathname)))?.[2] ?? 'js';
}
