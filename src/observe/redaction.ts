/**
 * Redaction: takes the secrets of a version out of a text that leaves it: lines of log, faults, the answers of an invoke.
 *
 * A secret is found as it is, in base64 (wherever it lies in what was encoded), hex, URL encoding and JSON. One pass over
 * the text, however many secrets there are. What a function takes apart (a secret over two lines of log, or spelt
 * backwards) is beyond this, and so are secrets of fewer than six characters, which would be found in everything. Of a
 * secret that is very long the encoded forms are known by their beginning: where one is found, the rest of the text goes.
 */

import { randomBytes } from 'node:crypto';
import type { FunctionVersion } from '../core/function.ts';
import { formsOf, MIN_CHARS } from './secret-forms.ts';
import type { SecretForm } from './secret-forms.ts';

const REDACTED = '[redacted]';
/** Of a longer form this much is looked for; whatever follows of it goes as well. */
export const NEEDLE_CHARS = 32;
/** More forms that begin alike are not compared one by one: the rest of the text goes. */
const MAX_ALIKE = 16;

/** What the filter knows of a hash: a needle begins with it after so many characters, or ends there. */
const BEGINS = 1;
const ENDS = 2;
const BEGIN_CHARS = 4;

interface Needles {
  /** {@link BEGINS} and {@link ENDS} by hash; its length is a power of two. */
  readonly filter: Uint8Array;
  /** By what they are, or begin with where they are longer than {@link NEEDLE_CHARS}. */
  readonly forms: ReadonlyMap<string, readonly SecretForm[]>;
}

type Secrets = Pick<FunctionVersion, 'secrets'>;

/** Null: the version has no secret that could be found. */
const needlesOfVersion = new WeakMap<Secrets, Needles | null>();

/** Of this process alone, so that nobody can choose texts whose hashes are alike. */
const SEED = randomBytes(4).readInt32LE();

/** The text, with `[redacted]` in the place of each secret of the version. */
export function redact(version: Secrets, text: string): string {
  if (version.secrets.length === 0 || text.length < MIN_CHARS) return text;
  let needles = needlesOfVersion.get(version);
  if (needles === undefined) {
    needles = needlesOf(version.secrets);
    needlesOfVersion.set(version, needles);
  }
  return needles === null ? text : replaceIn(text, needles);
}

function replaceIn(text: string, needles: Needles): string {
  const last = text.length - MIN_CHARS;
  let result = '';
  let kept = 0;
  for (let at = 0; at <= last; at += 1) {
    if (!mayBegin(text, at, needles.filter)) continue;
    const end = endOfSecret(text, at, needles);
    if (end === at) continue;
    result += text.slice(kept, at) + REDACTED;
    kept = end;
    at = end - 1;
  }
  return kept === 0 ? text : result + text.slice(kept);
}

/** Written out, because nearly every place of every text ends here. */
function mayBegin(text: string, at: number, filter: Uint8Array): boolean {
  let hash = step(SEED, text.charCodeAt(at));
  hash = step(hash, text.charCodeAt(at + 1));
  hash = step(hash, text.charCodeAt(at + 2));
  hash = step(hash, text.charCodeAt(at + BEGIN_CHARS - 1));
  return ((filter[place(hash, filter.length - 1)] as number) & BEGINS) !== 0;
}

/** Where the longest secret that begins here ends; the same place where there is none. */
function endOfSecret(text: string, at: number, { filter, forms }: Needles): number {
  const mask = filter.length - 1;
  const last = Math.min(at + NEEDLE_CHARS, text.length);
  let hash = SEED;
  let end = at;
  for (let next = at; next < last;) {
    hash = step(hash, text.charCodeAt(next));
    next += 1;
    if (next - at < MIN_CHARS || ((filter[place(hash, mask)] as number) & ENDS) === 0) continue;
    const found = forms.get(text.slice(at, next));
    if (found !== undefined) end = endOf(text, at, next, found);
  }
  return end;
}

function endOf(text: string, at: number, next: number, found: readonly SecretForm[]): number {
  if (found.length > MAX_ALIKE || found.some(({ isCut }) => isCut)) return text.length;
  return Math.max(...found.map((form) => endOfAlike(text, at, next, form.text)));
}

/** Up to where the form stands here; it is known to as far as `next`. */
function endOfAlike(text: string, at: number, next: number, form: string): number {
  let end = next;
  while (end - at < form.length && text.charCodeAt(end) === form.charCodeAt(end - at)) end += 1;
  return end;
}

function needlesOf(secrets: readonly string[]): Needles | null {
  const forms = new Map<string, SecretForm[]>();
  for (const form of secrets.flatMap(formsOf)) {
    const needle = form.text.slice(0, NEEDLE_CHARS);
    const found = forms.get(needle) ?? [];
    // No more are kept than are compared, and one more that says so.
    if (found.length > MAX_ALIKE || found.some(({ text }) => text === form.text)) continue;
    forms.set(needle, [...found, form]);
  }
  if (forms.size === 0) return null;
  // Large enough that few places of a text pass that are no secret.
  const filter = new Uint8Array(2 ** Math.max(10, Math.ceil(Math.log2(forms.size * 16))));
  for (const needle of forms.keys()) mark(filter, needle);
  return { filter, forms };
}

function mark(filter: Uint8Array, needle: string): void {
  const mask = filter.length - 1;
  let hash = SEED;
  for (let index = 0; index < needle.length; index += 1) {
    hash = step(hash, needle.charCodeAt(index));
    if (index + 1 === BEGIN_CHARS) filter[place(hash, mask)]! |= BEGINS;
  }
  filter[place(hash, mask)]! |= ENDS;
}

const step = (hash: number, char: number): number => Math.imul(hash ^ char, 0x9e3779b1);

/** The upper bits of a product are the ones that every bit of the text has a part in. */
const place = (hash: number, mask: number): number => (hash >>> 11) & mask;
