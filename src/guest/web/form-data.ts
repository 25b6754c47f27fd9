/** FormData, as the XMLHttpRequest standard has it where there is no form element. */

import type { File } from './blob.ts';
import { defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { writeMultipart, type Multipart } from './multipart-writer.ts';
import { iterateEntries, pairIteration, type PairIteration } from './pair-iterator.ts';
import { isObject, now, push, toWellFormed, TypeError } from './primordials.ts';

export type FormValue = string | File;
export type FormEntry = readonly [name: string, value: FormValue];

const { bytesOfBlob, isBlob, isFile, lastModifiedOf, makeFile, typeOfBlob } = modules.blob();

export let isFormData: (value: unknown) => value is FormData;
/** The list itself, not a copy. */
export let entriesOf: (form: FormData) => readonly FormEntry[];
/** As a body, with a boundary made for it. */
export const multipartOf = (form: FormData): Multipart => writeMultipart(entriesOf(form));
/** The list becomes the form's own. */
export let formOf: (entries: FormEntry[]) => FormData;

const text = (value: unknown): string => toWellFormed(`${value as string}`);

export class FormData {
  declare [Symbol.iterator]: () => IterableIterator<FormEntry>;
  #list: FormEntry[] = [];

  static {
    isFormData = (value): value is FormData => isObject(value) && #list in value;
    entriesOf = (form) => form.#list;
    formOf = (entries) => {
      const form = new FormData();
      form.#list = entries;
      return form;
    };
  }

  constructor(form: unknown = undefined) {
    if (form !== undefined) throw new TypeError('FormData cannot be made of a form element: there is none here');
  }

  append(name: unknown, value: unknown, fileName: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'FormData.append()');
    push(this.#list, entryOf(name, value, fileName, arguments.length > 2));
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'FormData.delete()');
    this.#list = others(this.#list, text(name), 0);
  }

  get(name: unknown): FormValue | null {
    requireArguments(arguments.length, 1, 'FormData.get()');
    const at = find(this.#list, text(name));
    return at === -1 ? null : (this.#list[at] as FormEntry)[1];
  }

  getAll(name: unknown): FormValue[] {
    requireArguments(arguments.length, 1, 'FormData.getAll()');
    const wanted = text(name);
    const values: FormValue[] = [];
    for (let i = 0; i < this.#list.length; i++) {
      const entry = this.#list[i] as FormEntry;
      if (entry[0] === wanted) push(values, entry[1]);
    }
    return values;
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'FormData.has()');
    return find(this.#list, text(name)) !== -1;
  }

  set(name: unknown, value: unknown, fileName: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'FormData.set()');
    const entry = entryOf(name, value, fileName, arguments.length > 2);
    const at = find(this.#list, entry[0]);
    if (at === -1) return push(this.#list, entry);
    this.#list[at] = entry;
    this.#list = others(this.#list, entry[0], at + 1);
  }

  forEach(callback: unknown, thisArg: unknown = undefined): void {
    iteration.forEach(this, callback, thisArg);
  }

  keys(): IterableIterator<string> {
    return iteration.iterate(this, 'keys');
  }

  values(): IterableIterator<FormValue> {
    return iteration.iterate(this, 'values');
  }

  entries(): IterableIterator<FormEntry> {
    return iteration.iterate(this, 'entries');
  }
}

const iteration: PairIteration<FormData> = pairIteration('FormData', (form, index) => entriesOf(form)[index] ?? null);
iterateEntries(FormData.prototype);
defineInterface(FormData, 'FormData');

/** A Blob becomes a file; only one may be given a file name. */
function entryOf(name: unknown, value: unknown, fileName: unknown, isNamed: boolean): FormEntry {
  if (!isBlob(value)) {
    if (isNamed) throw new TypeError('FormData takes a file name for a Blob only');
    return [text(name), text(value)];
  }
  const named = text(name);
  if (fileName === undefined && isFile(value)) return [named, value];
  const given = fileName === undefined ? 'blob' : text(fileName);
  return [named, makeFile(bytesOfBlob(value), given, typeOfBlob(value), isFile(value) ? lastModifiedOf(value) : now())];
}

function find(list: readonly FormEntry[], name: string): number {
  for (let i = 0; i < list.length; i++) if ((list[i] as FormEntry)[0] === name) return i;
  return -1;
}

/** All but those of this name that stand at `from` or later. */
function others(list: readonly FormEntry[], name: string, from: number): FormEntry[] {
  const kept: FormEntry[] = [];
  for (let i = 0; i < list.length; i++) {
    const entry = list[i] as FormEntry;
    if (i < from || entry[0] !== name) push(kept, entry);
  }
  return kept;
}
