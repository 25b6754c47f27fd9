/** Event handlers: the properties `ontype`, each of which is one listener that can be exchanged. */

import type { Event } from './event.ts';
import { EventTarget, hasListeners } from './events.ts';
import { apply, defineAccessor, isObject, rename, uncurry } from './primordials.ts';

type Tell = (event: Event) => void;
interface Slot {
  handler: object | null;
  readonly tell: Tell;
}
type Slots = WeakMap<object, Slot>;

const readSlot = uncurry(WeakMap.prototype.get as (this: Slots, target: object) => Slot | undefined);
const writeSlot = uncurry(WeakMap.prototype.set as (this: Slots, target: object, slot: Slot) => unknown);
const listen = uncurry(EventTarget.prototype.addEventListener);
const unlisten = uncurry(EventTarget.prototype.removeEventListener);

export interface HandlerOptions {
  /** The target that listens in the place of the object whose property it is. */
  readonly targetOf?: (owner: unknown) => EventTarget;
  readonly onSet?: (owner: unknown) => void;
  /** How the handler is called; by default with the event. Returning false cancels, unless this says otherwise. */
  readonly call?: (handler: object, owner: unknown, event: Event) => void;
}

/** Defines `on<type>` on `prototype`. What is assigned and is no object counts as null. */
export function defineHandler(prototype: object, type: string, options: HandlerOptions = {}): void {
  const slots: Slots = new WeakMap();
  const { targetOf = (owner) => owner as EventTarget, onSet, call = callPlainly } = options;
  const accessors = {
    get(this: unknown): unknown {
      const target = targetOf(this);
      // Throws for what is no target.
      hasListeners(target, type);
      return readSlot(slots, target)?.handler ?? null;
    },
    set(this: unknown, value: unknown): void {
      const target = targetOf(this);
      hasListeners(target, type);
      const handler = isObject(value) ? value : null;
      const slot = readSlot(slots, target) ?? addSlot(slots, target, this, call);
      if (slot.handler === null && handler !== null) listen(target, type, slot.tell);
      if (slot.handler !== null && handler === null) unlisten(target, type, slot.tell);
      slot.handler = handler;
      onSet?.(this);
    },
  };
  rename(accessors.get, `get on${type}`);
  rename(accessors.set, `set on${type}`);
  defineAccessor(prototype, `on${type}`, accessors.get, accessors.set, true);
}

function addSlot(slots: Slots, target: object, owner: unknown, call: NonNullable<HandlerOptions['call']>): Slot {
  const slot: Slot = { handler: null, tell: (event) => tell(slot, owner, event, call) };
  writeSlot(slots, target, slot);
  return slot;
}

function tell(slot: Slot, owner: unknown, event: Event, call: NonNullable<HandlerOptions['call']>): void {
  if (typeof slot.handler === 'function') call(slot.handler, owner, event);
}

function callPlainly(handler: object, owner: unknown, event: Event): void {
  if (apply(handler, owner, [event]) === false) event.preventDefault();
}
