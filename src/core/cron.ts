/** Cron: functions that run at times, and what is kept of each so that no tick is run twice or forgotten. */

import type { Page } from './function-record.ts';

/** What happens to a tick that comes due while the run of an earlier one lasts. */
export const OVERLAPS = ['skip', 'allow'] as const;
/** What happens to ticks that came due while nobody looked: the last of them runs, all of them, or none. */
export const CATCH_UPS = ['once', 'all', 'none'] as const;

export interface CronOptions {
  readonly paused: boolean;
  readonly overlap: (typeof OVERLAPS)[number];
  readonly catchUp: (typeof CATCH_UPS)[number];
}

export const CRON_DEFAULTS: CronOptions = Object.freeze({ paused: false, overlap: 'skip', catchUp: 'once' });

export interface CronState extends CronOptions {
  readonly tenant: string;
  readonly name: string;
  /** For which {@link lastTickMs} counts. */
  readonly pattern: string;
  /** No tick up to this time is fired any more. */
  readonly lastTickMs: number;
  /** When its last run ended; null: none has. */
  readonly finishedMs: number | null;
}

export type CronKey = Pick<CronState, 'tenant' | 'name'>;

export interface CronStore {
  /** Of these, those that there are. */
  find(keys: readonly CronKey[]): Promise<CronState[]>;
  /** Where there is none; what is there stays as it is. Of a tenant that was erased nothing is kept. */
  create(states: readonly CronState[]): Promise<void>;
  /** A later {@link CronState.lastTickMs} wins; it never goes back. */
  advance(ticks: readonly (CronKey & Pick<CronState, 'lastTickMs'>)[]): Promise<void>;
  /** A later {@link CronState.finishedMs} wins. */
  finish(key: CronKey, finishedMs: number): Promise<void>;
  change(key: CronKey, change: Partial<CronOptions & Pick<CronState, 'pattern' | 'lastTickMs'>>): Promise<void>;
}

/** What an operator sees of one. */
export interface CronFunction extends CronOptions {
  readonly tenant: string;
  readonly name: string;
  readonly pattern: string;
  readonly timeZone: string;
  /** Null: none yet. */
  readonly finishedMs: number | null;
  /** The next five; fewer where no more will come, none while it is paused. */
  readonly nextMs: readonly number[];
}

export interface CronQuery {
  readonly tenant: string;
  /** The name after which the page begins; null: the first. */
  readonly after: string | null;
  /** 1 to 200. */
  readonly limit: number;
}

/** A method that names a function rejects with NOT_FOUND where no tick of it can be due: it is none of cron's, or not live. */
export interface Cron {
  /** In the order of their names. */
  list(query: CronQuery): Promise<Page<CronFunction>>;
  read(tenant: string, name: string): Promise<CronFunction>;
  /** A function that goes on after a pause begins with the tick that comes next. */
  change(tenant: string, name: string, change: Partial<CronOptions>): Promise<CronFunction>;
  /** Beside its ticks. The id of the job. */
  runNow(tenant: string, name: string): Promise<string>;
  /** Fires what is due, of one tenant or (null) of all; how many ticks were queued that no other node had queued. */
  tick(tenant: string | null): Promise<number>;
}
