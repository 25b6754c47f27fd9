/** The guest's bundle in a context that has the language and nothing else, with a host that the test can look into. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vm from 'node:vm';
import { bundleGuest } from '../../../../src/lib/bundles.ts';
import { GUEST_ALIASES } from '../../../../src/tiers/isolate/guest-aliases.ts';

/** Bundled as the executors' guest is. */
async function bundle(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-guest-'));
  try {
    const entry = join(import.meta.dirname, 'bare-entry.ts');
    return await readFile(
      await bundleGuest(entry, folder, { name: 'guest', platform: 'bare', alias: GUEST_ALIASES }),
      'utf8',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

export const guestSource: string = await bundle();
const script = new vm.Script(guestSource, { filename: 'cordon:guest' });

/** Values of the bare context, which the types of this one do not describe. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Foreign = any;

export interface Line {
  readonly level: string;
  readonly message: string;
  /** What {@link BareContext.current} was when it was written. */
  readonly context: unknown;
}

export interface BareContext {
  /** Runs user code, after everything is installed. */
  run(code: string): Foreign;
  readonly guest: Foreign;
  readonly controls: Foreign;
  readonly registered: Foreign;
  readonly lines: Line[];
  readonly errors: unknown[];
  /** Delays asked for and not cancelled, by timer. */
  readonly timers: Map<number, number>;
  readonly fetched: Foreign[];
  /**
   * What the next fetch() gets: `{ refusal }`, or a FetchReply with a `body` of text or a `stream` beside it; null for nothing
   * ever, `outside` where there is no invocation.
   */
  reply: unknown;
  /** Stands for the executor: the text of a request, its bytes, and who hears of its outcome. */
  serve: Foreign;
  readonly waited: unknown[];
  /** Stands for the invocation that the code which runs belongs to; `bindContext` keeps it. */
  current: unknown;
}

/** `beforeInstall` runs in the bare context, as the engine's bootstrap would. */
export function bareContext(env: Record<string, string> = {}, beforeInstall = ''): BareContext {
  const context = vm.createContext({});
  // A bare engine's console writes nowhere; the global object of node:vm has nothing else of its own.
  vm.runInContext(`delete globalThis.console; ${beforeInstall}`, context);
  const guest = script.runInContext(context);
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
    serve: null,
    waited: [],
    current: null,
  };
  const host = {
    setTimer: (id: number, delayMs: number) => void self.timers.set(id, delayMs),
    clearTimer: (id: number) => void self.timers.delete(id),
    log: (level: string, message: string) => void self.lines.push({ level, message, context: self.current }),
    bindContext: (fn: (...args: unknown[]) => unknown) => {
      const bound = self.current;
      return (...args: unknown[]) => {
        const before = self.current;
        self.current = bound;
        try {
          return fn(...args);
        } finally {
          self.current = before;
        }
      };
    },
    seed: () => vm.runInContext('new Uint8Array(32).fill(7)', context) as Uint8Array,
    ask: (_kind: string, meta: string, body: unknown, listener: Foreign) => {
      if (self.reply === 'outside') return null;
      self.fetched.push({ ...JSON.parse(meta), body });
      const answer = self.reply as { refusal?: object; body?: string; stream?: unknown } | null;
      if (answer !== null) queueMicrotask(() => answerTo(self, listener, answer));
      return { cancel: (reason: unknown) => void (listener.over(), listener.fail(reason)) };
    },
    serve: (...request: unknown[]) => self.serve(...request),
    reportError: (error: unknown) => void self.errors.push(error),
  };
  guest.harden(target);
  const controls: unknown = guest.installWeb(target, host);
  const registered: unknown = guest.installHandlerGlobals(target, env, () => ({
    waitUntil: (promise: unknown) => void self.waited.push(promise),
  }));
  return Object.assign(self, { controls, registered });
}

function answerTo(
  context: BareContext,
  listener: Foreign,
  { refusal, body = '', stream, ...reply }: { refusal?: object; body?: string; stream?: unknown },
): void {
  if (stream === undefined) listener.over();
  if (refusal !== undefined) return listener.fail(listener.errorOf(refusal));
  listener.head(reply, stream ?? context.run(`(bytes) => Uint8Array.from(bytes)`)([...Buffer.from(body)]));
}

/** A value of another context as one of ours, so that deepEqual compares contents and not prototypes. */
export const plain = (value: unknown): Foreign => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
