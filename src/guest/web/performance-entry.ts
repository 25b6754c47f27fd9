/** PerformanceEntry and its kinds. */

import { cloneValue } from './structured-clone.ts';
import { elapsedTimeMs } from './clock.ts';
import { dictionaryOf } from './event.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import { put, toNumber, domString, TypeError } from './primordials.ts';

export type EntryType = 'mark' | 'measure';

const MAKE: unique symbol = Symbol('make');

export let typeOf: (entry: PerformanceEntry) => EntryType;
export let nameOf: (entry: PerformanceEntry) => string;
export let startOf: (entry: PerformanceEntry) => number;
export let makeMeasure: (name: string, startTime: number, duration: number, detail: unknown) => PerformanceMeasure;

export class PerformanceEntry {
  readonly #name: string;
  readonly #entryType: EntryType;
  readonly #startTime: number;
  readonly #duration: number;

  static {
    typeOf = (entry) => entry.#entryType;
    nameOf = (entry) => entry.#name;
    startOf = (entry) => entry.#startTime;
  }

  constructor(
    token: unknown = undefined,
    name: string = '',
    entryType: EntryType = 'mark',
    startTime: number = 0,
    duration: number = 0,
  ) {
    if (token !== MAKE) throw illegalConstructor();
    this.#name = name;
    this.#entryType = entryType;
    this.#startTime = startTime;
    this.#duration = duration;
  }

  get name(): string {
    return this.#name;
  }

  get entryType(): string {
    return this.#entryType;
  }

  get startTime(): number {
    return this.#startTime;
  }

  get duration(): number {
    return this.#duration;
  }

  toJSON(): object {
    const json = {};
    put(json, 'name', this.#name);
    put(json, 'entryType', this.#entryType);
    put(json, 'startTime', this.#startTime);
    put(json, 'duration', this.#duration);
    return json;
  }
}

interface MarkOptions {
  readonly detail?: unknown;
  readonly startTime?: unknown;
}

export class PerformanceMark extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(name: unknown, options: MarkOptions | null | undefined = undefined) {
    requireArguments(arguments.length, 1, 'new PerformanceMark()');
    const text = domString(name);
    const { detail, startTime } = dictionaryOf<MarkOptions>(options);
    super(MAKE, text, 'mark', startTime === undefined ? elapsedTimeMs() : timestamp(startTime), 0);
    this.#detail = detailOf(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }
}

export class PerformanceMeasure extends PerformanceEntry {
  readonly #detail: unknown;

  static {
    makeMeasure = (name, startTime, duration, detail) =>
      new PerformanceMeasure(MAKE, name, startTime, duration, detail);
  }

  constructor(
    token: unknown = undefined,
    name: string = '',
    startTime: number = 0,
    duration: number = 0,
    detail: unknown = undefined,
  ) {
    super(token, name, 'measure', startTime, duration);
    this.#detail = detailOf(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }
}

defineInterface(PerformanceEntry, 'PerformanceEntry');
defineInterface(PerformanceMark, 'PerformanceMark');
defineInterface(PerformanceMeasure, 'PerformanceMeasure');

/** Throws a TypeError for what is no time. */
export function timestamp(value: unknown): number {
  const time = toNumber(value);
  if (!(time >= 0 && time < Infinity)) throw new TypeError('A time must be a number of milliseconds, not negative');
  return time;
}

const detailOf = (detail: unknown): unknown => (detail === undefined || detail === null ? null : cloneValue(detail));
