/** The Streams standard, from web-streams-polyfill. */

import * as standard from 'web-streams-polyfill';
import { definePlatformPrototype } from './platform-objects.ts';
import { keysOf } from './primordials.ts';

/** Its classes by their names. */
export { standard };

const members = standard as unknown as Record<string, unknown>;
const names = keysOf(members);
for (let i = 0; i < names.length; i++) {
  const member = members[names[i] as string];
  if (typeof member === 'function') definePlatformPrototype(member.prototype as object);
}

export const makeStream = (source: object, strategy: object): ReadableStream =>
  new standard.ReadableStream(source, strategy) as unknown as ReadableStream;

interface Controller {
  enqueue(chunk: unknown): void;
  terminate(): void;
  error(reason: unknown): void;
}

/** The methods of a transformer that we write ourselves. */
export interface Transformer {
  readonly __proto__: null;
  start?(controller: Controller): unknown;
  transform?(chunk: unknown, controller: Controller): unknown;
  flush?(controller: Controller): unknown;
  cancel?(reason: unknown): unknown;
}

export const makeTransform = (transformer: Transformer): { readonly readable: unknown; readonly writable: unknown } =>
  new standard.TransformStream(transformer as never, { highWaterMark: 1 }, { highWaterMark: 0 });
