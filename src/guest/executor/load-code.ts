/** Puts a version's code into a ready isolate, compiled but not run: the bootstrap runs it inside its own try. */

import ivm from 'isolated-vm';
import type { OpenMeta } from '../../wire/frames.ts';
import { handingOver } from '../../lib/hand-over.ts';
import { ownBuffer } from './crossing.ts';
import type { ReadyIsolate } from './isolate-pool.ts';

export interface LoadedCode {
  /** As `start` of the bootstrap takes it. */
  readonly kind: 'script' | 'module' | 'body' | 'failed' | 'unparsed';
  /** A namespace inside the isolate; for `failed` and `unparsed` the message; `script` and `body` hand theirs over. */
  readonly value: unknown;
}

/** The name that the user's own frames have in stacks. */
const FUNCTION_FILE = 'function.js';

const BODY_PREFIX = 'async function (module, exports, ctx) {';

/** Compiled, and still to be run. */
type Loader = () => Promise<LoadedCode>;

export async function loadCode(ready: ReadyIsolate, meta: OpenMeta, payload: Uint8Array): Promise<LoadedCode> {
  const code = Buffer.from(payload.buffer, payload.byteOffset, meta.codeBytes).toString('utf8');
  try {
    if (meta.format === 'script')
      return await (
        await compileFunction('script', ready, code, payload.subarray(meta.codeBytes))
      )();
    if (meta.format === 'module') return await (await compileModule(ready, code))();
    return await loadSource(ready, code);
  } catch (error) {
    if (ready.isolate.isDisposed) throw error;
    return { kind: 'failed', value: messageOf(error) };
  }
}

/** Code that nobody built is a module where it has the marks of one, else a function body. */
async function loadSource(ready: ReadyIsolate, code: string): Promise<LoadedCode> {
  const asModule = (): Promise<Loader> => compileModule(ready, code);
  const asBody = (): Promise<Loader> => compileFunction('body', ready, `${BODY_PREFIX}${code}\n}`, new Uint8Array(0));
  const order = /\b(?:import|export)\b/.test(code) ? [asModule, asBody] : [asBody, asModule];
  let failure: unknown;
  for (const compile of order) {
    try {
      const load = await compile();
      return await load();
    } catch (error) {
      if (ready.isolate.isDisposed || !(error instanceof SyntaxError)) throw error;
      failure ??= error;
    }
  }
  return { kind: 'unparsed', value: messageOf(failure) };
}

/** A classic script whose value is a function: the bundle's, or the one put around a body. */
async function compileFunction(
  kind: 'script' | 'body',
  { isolate, context }: ReadyIsolate,
  expression: string,
  cache: Uint8Array,
): Promise<Loader> {
  const code = handingOver(expression);
  const options = {
    filename: FUNCTION_FILE,
    columnOffset: -code.indexOf(expression) - (kind === 'body' ? BODY_PREFIX.length : 0),
    ...(cache.length === 0 ? {} : { cachedData: new ivm.ExternalCopy(ownBuffer(cache)) }),
  };
  const script = isSmall(code) ? isolate.compileScriptSync(code, options) : await isolate.compileScript(code, options);
  return () => {
    // What goes wrong in it shows when the bootstrap finds that nothing was handed over.
    script.runIgnored(context);
    return Promise.resolve({ kind, value: undefined });
  };
}

async function compileModule({ isolate, context }: ReadyIsolate, code: string): Promise<Loader> {
  const options = { filename: FUNCTION_FILE };
  const module = isSmall(code) ? isolate.compileModuleSync(code, options) : await isolate.compileModule(code, options);
  return async () => {
    module.instantiateSync(context, refuseImport);
    await module.evaluate({ promise: true });
    return { kind: 'module', value: module.namespace.derefInto() };
  };
}

/** To parse so little takes less time on this thread than to ask another for it. Code is only ever run on another. */
const isSmall = (code: string): boolean => code.length <= 16 * 1024;

function refuseImport(specifier: string): never {
  throw new Error(`Cannot import ${JSON.stringify(specifier)}: nothing external can be imported here`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}` : String(error);
}
