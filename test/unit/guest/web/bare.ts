/** The guest's bundle in a context that has the language and nothing else, with a host that the test can look into. */

import { dirname, join } from 'node:path';
import vm from 'node:vm';
import { build } from 'esbuild';
import { GUEST_ALIASES } from '../../../../src/guest/web/aliases.ts';

const GUEST = join(import.meta.dirname, '../../../../src/guest');
const ENTRY = `
  export { harden } from './web/harden.ts';
  export { installWeb } from './web/index.ts';
  export { resolveHandler, installHandlerGlobals } from './handler/adapter.ts';
  export { AdapterFault } from './handler/adapter-fault.ts';
`;

/** Bundled as the executors' guest is. */
async function bundle(): Promise<string> {
  const web = join(GUEST, 'web');
  const result = await build({
    stdin: { contents: ENTRY, resolveDir: dirname(web), loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    globalName: 'guest',
    target: 'esnext',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    alias: Object.fromEntries(Object.entries(GUEST_ALIASES).map(([name, path]) => [name, join(web, path)])),
    supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
    banner: { js: '(() => { "use strict";' },
    footer: { js: 'return guest; })()' },
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

export const guestSource: string = await bundle();
const script = new vm.Script(guestSource, { filename: 'cordon:guest' });

export interface Line {
  readonly level: string;
  readonly message: string;
}

export interface BareContext {
  /** Runs user code, after everything is installed. */
  run(code: string): any;
  readonly guest: any;
  readonly controls: any;
  readonly registered: any;
  readonly lines: Line[];
  readonly errors: unknown[];
  /** Delays asked for and not cancelled, by timer. */
  readonly timers: Map<number, number>;
  readonly fetched: any[];
  /** What the next fetch() gets. */
  reply: unknown;
  waited: unknown[];
}

/** `beforeInstall` runs in the bare context, as the engine's bootstrap would. */
export function bareContext(env: Record<string, string> = {}, beforeInstall = ''): BareContext {
  const context = vm.createContext({});
  // A bare engine's console writes nowhere; the global object of node:vm has nothing else of its own.
  vm.runInContext(`delete globalThis.console; ${beforeInstall}`, context);
  const guest = script.runInContext(context) as any;
  const target = vm.runInContext('globalThis', context) as object;
  const self: BareContext = {
    run: (code) => vm.runInContext(code, context, { filename: 'function.js' }),
    guest,
    controls: null,
    registered: null,
    lines: [],
    errors: [],
    timers: new Map(),
    fetched: [],
    reply: null,
    waited: [],
  };
  const host = {
    setTimer: (id: number, delayMs: number) => void self.timers.set(id, delayMs),
    clearTimer: (id: number) => void self.timers.delete(id),
    log: (level: string, message: string) => void self.lines.push({ level, message }),
    bindContext: (fn: unknown) => fn,
    seed: () => vm.runInContext('new Uint8Array(32).fill(7)', context) as Uint8Array,
    fetch: (request: unknown) => {
      self.fetched.push(request);
      return self.reply instanceof Error ? Promise.reject(self.reply) : Promise.resolve(self.reply);
    },
    nowMs: () => 5,
    reportError: (error: unknown) => void self.errors.push(error),
  };
  guest.harden(target);
  const controls: unknown = guest.installWeb(target, host);
  const registered: unknown = guest.installHandlerGlobals(target, env, () => ({ waitUntil: (promise: unknown) => void self.waited.push(promise) }));
  return Object.assign(self, { controls, registered });
}

/** A value of another context as one of ours, so that deepEqual compares contents and not prototypes. */
export const plain = (value: unknown): any => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
