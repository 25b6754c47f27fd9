/** Benchmark: one question about speed or memory, and the shape of its answer. */

export interface Benchmark {
  readonly name: string;
  /** Completes "what it measures: …". */
  readonly summary: string;
  run(options: BenchmarkOptions): Promise<Report>;
}

export interface BenchmarkOptions {
  /** Fewer and shorter rounds: shows that everything works, and roughly where the figures lie. */
  readonly quick: boolean;
  /** Requests of the soak; null: its own default. */
  readonly requests: number | null;
  /** A line for whoever waits. */
  progress(line: string): void;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
  /** What a reader must know to read the figures right. */
  readonly notes: readonly string[];
}

/** A row's cells follow its label, in the order of the columns. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly label: string; readonly cells: readonly Cell[] }[];
}

export interface Cell {
  readonly value: number;
  readonly unit: Unit;
}

export type Unit = 'req/s' | 'ms' | 'MB' | 'ratio' | 'count';

/** A promise about a figure. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

export function isMet({ value, bound }: Target): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}
