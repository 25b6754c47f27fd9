/** performance: a clock as coarse as the sandbox's, marks and measures. */

import { elapsedTimeMs, timeOriginMs } from './clock.ts';
import { EventTarget } from './events.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import { PerformanceMark, type PerformanceEntry, type PerformanceMeasure } from './performance-entry.ts';
import { enqueue } from './performance-observer.ts';
import { clear, kept, measureOf, select } from './performance-timeline.ts';
import { put, domString } from './primordials.ts';

export { PerformanceEntry, PerformanceMark, PerformanceMeasure } from './performance-entry.ts';
export { PerformanceObserver, PerformanceObserverEntryList } from './performance-observer.ts';

const MAKE: unique symbol = Symbol('make');

class Performance extends EventTarget {
  /** Only `performance` itself has it, so that its methods can't be called on anything else. */
  readonly #isPerformance: true = true;

  constructor(token: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
    super();
  }

  now(): number {
    void this.#isPerformance;
    return elapsedTimeMs();
  }

  get timeOrigin(): number {
    void this.#isPerformance;
    return timeOriginMs();
  }

  toJSON(): object {
    void this.#isPerformance;
    const json = {};
    put(json, 'timeOrigin', timeOriginMs());
    return json;
  }

  mark(name: unknown, options: object | null | undefined = undefined): PerformanceMark {
    void this.#isPerformance;
    requireArguments(arguments.length, 1, 'performance.mark()');
    const mark = new PerformanceMark(name, options);
    enqueue(mark);
    return mark;
  }

  measure(name: unknown, startOrOptions: unknown = undefined, endMark: unknown = undefined): PerformanceMeasure {
    void this.#isPerformance;
    requireArguments(arguments.length, 1, 'performance.measure()');
    const measure = measureOf(name, startOrOptions, endMark);
    enqueue(measure);
    return measure;
  }

  clearMarks(name: unknown = undefined): void {
    void this.#isPerformance;
    clear('mark', name);
  }

  clearMeasures(name: unknown = undefined): void {
    void this.#isPerformance;
    clear('measure', name);
  }

  getEntries(): PerformanceEntry[] {
    void this.#isPerformance;
    return select(kept(), null, null);
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    void this.#isPerformance;
    requireArguments(arguments.length, 1, 'performance.getEntriesByType()');
    return select(kept(), null, domString(type));
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    void this.#isPerformance;
    requireArguments(arguments.length, 1, 'performance.getEntriesByName()');
    return select(kept(), domString(name), type === undefined ? null : domString(type));
  }
}
defineInterface(Performance, 'Performance');

export const performance: Performance = new Performance(MAKE);
export { Performance };
