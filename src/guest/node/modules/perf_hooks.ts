/** node:perf_hooks: the web's performance, as far as the engine has it. */

interface Performance {
  readonly performance: object;
  readonly Performance?: unknown;
  readonly PerformanceEntry?: unknown;
  readonly PerformanceMark?: unknown;
  readonly PerformanceMeasure?: unknown;
  readonly PerformanceObserver?: unknown;
}

const global = globalThis as unknown as Performance;

export const performance: object = global.performance;
export const Performance: unknown = global.Performance;
export const PerformanceEntry: unknown = global.PerformanceEntry;
export const PerformanceMark: unknown = global.PerformanceMark;
export const PerformanceMeasure: unknown = global.PerformanceMeasure;
export const PerformanceObserver: unknown = global.PerformanceObserver;

const all: object = {
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  performance,
};

export default all;
