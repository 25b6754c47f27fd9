/** pipe: what is read is written, no faster than it is taken. */

import { web } from '../lib/web.ts';
import type { EventEmitter } from '../modules/events.ts';
import type { ReadableMethods } from './readable.ts';

export interface Destination extends EventEmitter {
  write(chunk: unknown): unknown;
  end(): unknown;
  readonly writableNeedDrain?: boolean;
  destroy?(error?: Error): unknown;
}

/** Of each source, the destinations that have to drain before it goes on. */
const waiting = new WeakMap<object, Set<object>>();

export function pipe<T extends Destination>(
  source: ReadableMethods,
  destination: T,
  { end = true }: { end?: boolean },
): T {
  const state = source._readableState;
  const awaited = waiting.get(source) ?? new Set();
  waiting.set(source, awaited);

  const hold = (): void => {
    awaited.add(destination);
    source.pause();
  };
  const drained = (): void => {
    if (!awaited.delete(destination)) return;
    if (awaited.size === 0 && state.pipes.size > 0) source.resume();
  };
  const write = (chunk: unknown): void => {
    if (destination.write(chunk) === false) hold();
  };
  const finish = (): void => void destination.end();
  const stop = (): void => void source.unpipe(destination);
  const failed = (error: Error): void => {
    stop();
    destination.removeListener('error', failed);
    if (destination.listenerCount('error') > 0) return;
    // Nobody else hears of it.
    if (destination.destroy === undefined) destination.emit('error', error);
    else destination.destroy(error);
  };

  const listeners = [
    [source, 'data', write],
    [source, 'end', end ? finish : stop],
    [destination, 'drain', drained],
    [destination, 'close', stop],
    [destination, 'finish', stop],
    [destination, 'error', failed],
  ] as const;
  state.pipes.set(destination, () => {
    for (const [emitter, name, listener] of listeners) emitter.removeListener(name, listener as never);
    destination.emit('unpipe', source);
    drained();
  });
  if (state.endEmitted) web.queueMicrotask(end ? finish : stop);
  for (const [emitter, name, listener] of listeners) {
    if (name === 'error') destination.prependListener(name, failed);
    else (emitter as EventEmitter).on(name, listener as never);
  }
  destination.emit('pipe', source);
  if (destination.writableNeedDrain === true) hold();
  else if (state.flowing !== true) source.resume();
  return destination;
}

/** From one destination, or from all. */
export function unpipe(source: ReadableMethods, destination?: Destination): void {
  const state = source._readableState;
  const ended = destination === undefined ? [...state.pipes] : [[destination, state.pipes.get(destination)] as const];
  for (const [each, stop] of ended) {
    if (stop === undefined) continue;
    state.pipes.delete(each);
    stop();
  }
  if (state.pipes.size === 0 && ended.length > 0) source.pause();
}
