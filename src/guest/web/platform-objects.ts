/** Platform objects: what the API's own classes make. structuredClone() copies or moves some kinds, and refuses the rest. */

import { getPrototypeOf, push, uncurry } from './primordials.ts';

export interface PlatformKind {
  isA(value: object): boolean;
  /** Absent where its objects can't be copied. */
  readonly clone?: (value: object) => object;
  /** Absent where its objects can't be moved. Throws a DOMException if this one can't be. Nothing moves before `commit`. */
  readonly move?: (value: object) => { readonly moved: object; commit(): void };
}

const kinds: PlatformKind[] = [];
const prototypes: Set<object> = new Set();
const addTo = uncurry(Set.prototype.add as (this: Set<object>, value: object) => unknown);
const isIn = uncurry(Set.prototype.has as (this: Set<object>, value: object) => boolean);

/** Objects that inherit from it are the platform's. */
export function definePlatformPrototype(prototype: object): void {
  addTo(prototypes, prototype);
}

export function definePlatformKind(kind: PlatformKind): void {
  push(kinds, kind);
}

export function isPlatformObject(value: object): boolean {
  for (let at: object | null = value; at !== null; at = getPrototypeOf(at) as object | null)
    if (isIn(prototypes, at)) return true;
  return false;
}

/** Null for a kind that can neither be copied nor moved. */
export function kindOf(value: object): PlatformKind | null {
  for (let i = 0; i < kinds.length; i++) if ((kinds[i] as PlatformKind).isA(value)) return kinds[i] as PlatformKind;
  return null;
}
