/**
 * node:process: what packages ask a process for. There is none: it is as old as the sandbox, its folder is `/`, nothing
 * of it can be ended, and no event of it ever happens. `env` is the function's own environment.
 */

import { codedError, requireFunction } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import { services } from '../services.ts';

/** Of the Node that hosts the engine; put in when these modules are bundled. */
declare const NODE_VERSION: string;

/** A copy: what is assigned stays in this sandbox, as in a process. Every value becomes text. */
export const env: Record<string, string> = new Proxy(
  { ...services.env },
  {
    set: (target, name, value) => Reflect.set(target, name, typeof name === 'symbol' ? value : String(value)),
    defineProperty: (target, name, { value }) =>
      Reflect.defineProperty(target, name, {
        value: String(value),
        writable: true,
        enumerable: true,
        configurable: true,
      }),
  },
);

export const title = 'node';
export const version: string = `v${NODE_VERSION}`;
export const versions: Readonly<Record<string, string>> = Object.freeze({ node: NODE_VERSION });
export const release: { readonly name: string } = Object.freeze({ name: 'node' });
export const arch = 'x64';
export const platform = 'linux';
export const argv: string[] = ['node', '/function.js'];
export const argv0 = 'node';
export const execArgv: string[] = [];
export const execPath = '/node';
export const pid = 1;
export const ppid = 0;
export const exitCode: number | undefined = undefined;
export const features: object = Object.freeze({});
export const config: object = Object.freeze({});

export const cwd = (): string => '/';
export const umask = (): number => 0o22;
export const uptime = (): number => web.performance.now() / 1000;

export function nextTick(callback: (...args: never[]) => void, ...args: unknown[]): void {
  requireFunction('callback', callback);
  web.queueMicrotask(() => void Reflect.apply(callback, undefined, args));
}

/** `[seconds, nanoseconds]`, since `before` where it is given. */
function hrtimeSince(before?: readonly [number, number]): [number, number] {
  const nowNs = nanoseconds() - (before === undefined ? 0n : BigInt(before[0]) * 1_000_000_000n + BigInt(before[1]));
  return [Number(nowNs / 1_000_000_000n), Number(nowNs % 1_000_000_000n)];
}

export const hrtime: typeof hrtimeSince & { bigint(): bigint } = Object.assign(hrtimeSince, {
  bigint: (): bigint => nanoseconds(),
});

const nanoseconds = (): bigint => BigInt(Math.round(web.performance.now() * 1e6));

function refusal(name: string): () => never {
  return () => {
    throw codedError('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `process.${name}() is not available in a function`);
  };
}

export const exit: () => never = refusal('exit');
export const abort: () => never = refusal('abort');
export const chdir: () => never = refusal('chdir');
export const kill: () => never = refusal('kill');

export function emitWarning(warning: unknown, options?: unknown): void {
  const type = typeof options === 'string' ? options : ((options as { type?: string } | undefined)?.type ?? 'Warning');
  web.console.warn(warning instanceof Error ? warning : `${type}: ${String(warning)}`);
}

interface Output {
  readonly isTTY: false;
  readonly fd: number;
  readonly writable: true;
  write(chunk: unknown): true;
}

/** Each write is a line of the log. */
function outputTo(level: 'error' | 'info', fd: number): Output {
  const write = (chunk: unknown): true => {
    const text = typeof chunk === 'string' ? chunk : new web.TextDecoder().decode(chunk as Uint8Array);
    if (text.trim() !== '') web.console[level](text.replace(/\n$/, ''));
    return true;
  };
  return { isTTY: false, fd, writable: true, write };
}

export const stdout: Output = outputTo('info', 1);
export const stderr: Output = outputTo('error', 2);

/** Events of a process never happen here. */
function listening(this: unknown): unknown {
  return this;
}

const process: object = {
  abort,
  addListener: listening,
  arch,
  argv,
  argv0,
  chdir,
  config,
  cwd,
  emit: (): boolean => false,
  emitWarning,
  env,
  eventNames: (): string[] => [],
  execArgv,
  execPath,
  exit,
  exitCode,
  features,
  hrtime,
  kill,
  listenerCount: (): number => 0,
  listeners: (): unknown[] => [],
  nextTick,
  off: listening,
  on: listening,
  once: listening,
  pid,
  platform,
  ppid,
  prependListener: listening,
  release,
  removeAllListeners: listening,
  removeListener: listening,
  setMaxListeners: listening,
  stderr,
  stdout,
  title,
  umask,
  uptime,
  version,
  versions,
  [Symbol.toStringTag]: 'process',
};

/** The module's default export, and the global of that name. */
export default process;
