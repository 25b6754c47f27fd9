/** The performance timeline: the marks and measures that are kept, and how a measure is made of marks. */

import { elapsedTimeMs } from './clock.ts';
import { DOMException } from './dom-exception.ts';
import { dictionaryOf } from './event.ts';
import {
  makeMeasure,
  nameOf,
  startOf,
  timestamp,
  typeOf,
  type EntryType,
  type PerformanceEntry,
  type PerformanceMeasure,
} from './performance-entry.ts';
import { push, sortBy, domString, TypeError } from './primordials.ts';

/** Of each type; a function that never clears its marks must not grow with each of its invocations. */
const MAX_ENTRIES = 10_000;

interface MeasureOptions {
  readonly detail?: unknown;
  readonly start?: unknown;
  readonly duration?: unknown;
  readonly end?: unknown;
}

/** `performance.measure()` without the timeline. Throws a TypeError or a SyntaxError (DOMException). */
export function measureOf(name: unknown, startOrOptions: unknown, endMark: unknown): PerformanceMeasure {
  const text = domString(name);
  const isText = startOrOptions !== undefined && startOrOptions !== null && typeof startOrOptions !== 'object';
  const options: MeasureOptions = isText ? dictionaryOf<MeasureOptions>(null) : dictionaryOf(startOrOptions);
  const { detail, start, duration, end } = options;
  const given = [start, end, duration, detail];
  let count = 0;
  for (let i = 0; i < given.length; i++) if (given[i] !== undefined) count++;
  if (count > 0) checkOptions(options, endMark);
  const endTime =
    endMark !== undefined
      ? timeOf(domString(endMark))
      : end !== undefined
        ? timeOf(end)
        : start !== undefined && duration !== undefined
          ? timeOf(start) + timestamp(duration)
          : elapsedTimeMs();
  const startTime =
    start !== undefined
      ? timeOf(start)
      : duration !== undefined && end !== undefined
        ? endTime - timestamp(duration)
        : isText
          ? timeOf(domString(startOrOptions))
          : 0;
  return makeMeasure(text, startTime, endTime - startTime, detail);
}

function checkOptions({ start, end, duration }: MeasureOptions, endMark: unknown): void {
  if (endMark !== undefined) throw new TypeError('performance.measure() takes options or an end mark, not both');
  if (start === undefined && end === undefined) throw new TypeError('performance.measure() needs a start or an end');
  if (start !== undefined && end !== undefined && duration !== undefined)
    throw new TypeError('performance.measure() takes two of start, end and duration');
}

/** Of the last mark of that name, or a time itself. */
function timeOf(mark: unknown): number {
  if (typeof mark === 'number') return timestamp(mark);
  const name = domString(mark);
  const marks = timeline.mark;
  for (let i = marks.length - 1; i >= 0; i--) {
    const entry = marks[i] as PerformanceEntry;
    if (nameOf(entry) === name) return startOf(entry);
  }
  throw new DOMException(`There is no mark ${name}`, 'SyntaxError');
}

const timeline: Record<EntryType, PerformanceEntry[]> = { mark: [], measure: [] };

/** Returns whether there was room. */
export function keep(entry: PerformanceEntry): boolean {
  const entries = timeline[typeOf(entry)];
  if (entries.length >= MAX_ENTRIES) return false;
  push(entries, entry);
  return true;
}

/** All of a type, or those of a name. */
export function clear(type: EntryType, name: unknown): void {
  timeline[type] = name === undefined ? [] : without(timeline[type], domString(name));
}

function without(entries: readonly PerformanceEntry[], name: string): PerformanceEntry[] {
  const others: PerformanceEntry[] = [];
  for (let i = 0; i < entries.length; i++)
    if (nameOf(entries[i] as PerformanceEntry) !== name) push(others, entries[i] as PerformanceEntry);
  return others;
}

export const keptOf = (type: EntryType): readonly PerformanceEntry[] => timeline[type];

/** All of them, in no order. */
export function kept(): readonly PerformanceEntry[] {
  const all: PerformanceEntry[] = [];
  for (let i = 0; i < timeline.mark.length; i++) push(all, timeline.mark[i] as PerformanceEntry);
  for (let i = 0; i < timeline.measure.length; i++) push(all, timeline.measure[i] as PerformanceEntry);
  return all;
}

export const isEntryType = (type: string): type is EntryType => type === 'mark' || type === 'measure';

/** Those of `entries` that match, in the order of their start; null matches all. */
export function select(
  entries: readonly PerformanceEntry[],
  name: string | null,
  type: string | null,
): PerformanceEntry[] {
  const found: PerformanceEntry[] = [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as PerformanceEntry;
    if ((name !== null && nameOf(entry) !== name) || (type !== null && typeOf(entry) !== type)) continue;
    push(found, entry);
  }
  return sortBy(found, inOrder);
}

const inOrder = (a: PerformanceEntry, b: PerformanceEntry): number => startOf(a) - startOf(b);
