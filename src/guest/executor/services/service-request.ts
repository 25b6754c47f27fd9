/**
 * What an isolate asks of its executor, read off a record. Whoever wrote it may be hostile: only the members named here are
 * taken, each as what it has to be.
 */

export interface ServiceRequest {
  /** By which the isolate knows the answer. */
  readonly op: number;
  readonly kind: string;
  readonly args: readonly ServiceValue[];
}

export type ServiceValue = string | number | boolean | null | Uint8Array | KeyReference | readonly string[] | Members;

/** An object without a prototype. */
export interface Members {
  readonly [name: string]: ServiceValue | readonly Members[];
}

/** A key as the isolate knows it: its number, and its sealed copy should the executor have dropped it. */
export class KeyReference {
  readonly id: number;
  readonly sealed: Uint8Array;

  constructor(id: number, sealed: Uint8Array) {
    this.id = id;
    this.sealed = sealed;
  }
}

/** The members of algorithms and of JSON Web Keys. */
const MEMBERS: ReadonlySet<string> = new Set(
  (
    'name hash length iv counter additionalData tagLength label saltLength context modulusLength publicExponent namedCurve ' +
    'public info salt iterations kty use key_ops alg ext crv x y d n e p q dp dq qi k oth r t pub priv'
  ).split(' '),
);
const MAX_DEPTH = 4;
const MAX_LIST = 32;
const NO_BYTES = new Uint8Array(0);

/** No isolate of ours writes more. */
const MAX_UNITS = 128 * 1024;

/** Null for what can't be answered. Where the arguments are not what they should be, the kind is one that there is not. */
export function readRequest(meta: string, body: string | Uint8Array | null): ServiceRequest | null {
  const [op, kind, sizes, args] = listOf(meta);
  if (!isCount(op)) return null;
  try {
    if (typeof kind !== 'string' || !Array.isArray(args) || args.length > MAX_LIST) throw new TypeError('no request');
    const parts = cut(body instanceof Uint8Array ? body : NO_BYTES, sizes);
    return { op, kind, args: args.map((arg) => valueOf(arg, parts, 0)) };
  } catch {
    return { op, kind: 'malformed', args: [] };
  }
}

function listOf(meta: string): unknown[] {
  try {
    const list: unknown = meta.length > MAX_UNITS ? null : JSON.parse(meta);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

function cut(body: Uint8Array, sizes: unknown): Uint8Array[] {
  if (!Array.isArray(sizes) || sizes.length > MAX_LIST) throw new TypeError('no sizes');
  let at = 0;
  return sizes.map((size: unknown) => {
    if (!isCount(size) || size > body.length - at) throw new TypeError('a part beyond the end');
    return body.subarray(at, (at += size));
  });
}

/** Objects stand for what JSON has not: `b` for bytes, `k` for a key, `d` for a dictionary, `l` for a list of these. */
function valueOf(json: unknown, parts: readonly Uint8Array[], depth: number): ServiceValue {
  if (json === null || typeof json !== 'object') return json as string | number | boolean | null;
  if (depth > MAX_DEPTH) throw new TypeError('too deep');
  if (Array.isArray(json)) return textsOf(json);
  const { b, k, d } = json as { b?: unknown; k?: unknown; d?: unknown };
  if (d !== undefined) return membersOf(d, parts, depth + 1);
  if (k === undefined) return partAt(parts, b);
  const [id, sealed] = k as [unknown, unknown];
  if (!isCount(id)) throw new TypeError('no key');
  return new KeyReference(id, partAt(parts, sealed));
}

function membersOf(json: unknown, parts: readonly Uint8Array[], depth: number): Members {
  const members: Record<string, ServiceValue | readonly Members[]> = Object.create(null) as Record<
    string,
    ServiceValue
  >;
  for (const [name, value] of Object.entries(json as object)) {
    if (!MEMBERS.has(name)) throw new TypeError('an unknown member');
    members[name] = isListOfMembers(value)
      ? value.l.slice(0, MAX_LIST).map((item) => membersOf(item, parts, depth + 1))
      : valueOf(value, parts, depth + 1);
  }
  return members;
}

function isListOfMembers(value: unknown): value is { readonly l: readonly unknown[] } {
  return typeof value === 'object' && value !== null && Array.isArray((value as { l?: unknown }).l);
}

function textsOf(list: readonly unknown[]): string[] {
  if (list.length > MAX_LIST || !list.every((item) => typeof item === 'string')) throw new TypeError('no texts');
  return list as string[];
}

function partAt(parts: readonly Uint8Array[], index: unknown): Uint8Array {
  const part = isCount(index) ? parts[index] : undefined;
  if (part === undefined) throw new TypeError('no such part');
  return part;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
