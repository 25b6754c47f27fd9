/** Load: a version's code, evaluated in this very process (or thread). Returns what its handler is looked for in. */

import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';
import type { OpenMeta } from '../../wire/frames.ts';
import type { Body } from '../handler/body-handler.ts';

/** What the code gave: exports, or (for code that nobody built) a function body that is still to be run. */
export type Loaded =
  | { readonly kind: 'exports'; readonly exports: unknown }
  | { readonly kind: 'body'; readonly body: Body };

/** Code that is no JavaScript. */
export class NotCode extends Error {}

/** The name that the user's own frames have in stacks. */
const FUNCTION_FILE = 'function.js';
const MODULE_URL = 'file:///function.js';
const BODY_PREFIX = '(async function (module, exports, ctx) {';

/** `scratch` is the folder that it may write to, where `require` says that the code is. Rejects with the code's own error, or {@link NotCode}. */
export async function loadCode(meta: OpenMeta, code: string, scratch: string): Promise<Loaded> {
  if (meta.format === 'source') return loadSource(code);
  if (meta.format === 'module') return { kind: 'exports', exports: await importModule(code) };
  const evaluate = run(code) as (...args: unknown[]) => unknown;
  const place = join(scratch, FUNCTION_FILE);
  // A script body reaches the outside by its ctx alone.
  const given = meta.handler === 'script' ? [] : [createRequire(place), place, scratch];
  return { kind: 'exports', exports: evaluate(...given) };
}

/** Code that nobody built is a module where it has the marks of one, else a function body. */
async function loadSource(code: string): Promise<Loaded> {
  const asModule = async (): Promise<Loaded> => ({ kind: 'exports', exports: await importModule(code) });
  const asBody = (): Promise<Loaded> =>
    Promise.resolve({ kind: 'body', body: run(`${BODY_PREFIX}${code}\n})`, BODY_PREFIX.length) as Body });
  const order = /\b(?:import|export)\b/.test(code) ? [asModule, asBody] : [asBody, asModule];
  let failure: SyntaxError | null = null;
  for (const load of order) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      failure ??= error;
    }
  }
  throw new NotCode(`SyntaxError: ${failure?.message}`);
}

function run(code: string, columnsBefore = 0): unknown {
  const script = new Script(code, {
    filename: FUNCTION_FILE,
    columnOffset: -columnsBefore,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return script.runInThisContext();
}

let modules = 0;

async function importModule(code: string): Promise<unknown> {
  const url = modules++ === 0 ? MODULE_URL : `${MODULE_URL}?${modules}`;
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === url ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
    load: (asked, context, next) =>
      asked === url ? { format: 'module', source: code, shortCircuit: true } : next(asked, context),
  });
  try {
    return await import(url);
  } finally {
    hooks.deregister();
  }
}
