/** What runs functions besides requests: events and times. */

import type { RateRule } from '../core/rate-limit.ts';
import { RATE_EXPECTED, rate } from './parsers.ts';
import { oneOf, read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface TriggersConfig {
  /** Events and ticks that run at a time, of all functions. */
  readonly eventConcurrency: number;
  /** Of each function. */
  readonly functionEventConcurrency: number;
  /** What one tenant may publish. */
  readonly eventRate: RateRule;
  /** Deliveries of one tenant that may wait or have failed. */
  readonly eventBacklog: number;
  readonly eventAttempts: number;
  readonly cronAttempts: number;
  readonly deadLetterDays: number;
  /** `external`: ticks are fired by `POST /api/v1/cron/tick`, and then only. */
  readonly cron: 'internal' | 'external';
}

export interface TriggersOptions extends Partial<Omit<TriggersConfig, 'eventRate'>> {
  /** `60` a minute, or `10/1s`. */
  readonly eventRate?: string;
}

/** Throws a {@link StartError}. */
export function readTriggers(options: TriggersOptions, env: Environment): TriggersConfig {
  return {
    eventConcurrency: read(TABLE.eventConcurrency, options.eventConcurrency, env),
    functionEventConcurrency: read(TABLE.functionEventConcurrency, options.functionEventConcurrency, env),
    eventRate: read(TABLE.eventRate, options.eventRate, env),
    eventBacklog: read(TABLE.eventBacklog, options.eventBacklog, env),
    eventAttempts: read(TABLE.eventAttempts, options.eventAttempts, env),
    cronAttempts: read(TABLE.cronAttempts, options.cronAttempts, env),
    deadLetterDays: read(TABLE.deadLetterDays, options.deadLetterDays, env),
    cron: read(TABLE.cron, options.cron, env),
  };
}

const TABLE = {
  eventConcurrency: whole('CORDON_EVENT_CONCURRENCY', '64', 1, 100_000, 'Events and ticks that run at a time'),
  functionEventConcurrency: whole(
    'CORDON_FUNCTION_EVENT_CONCURRENCY',
    '4',
    1,
    10_000,
    'Events and ticks of one function that run at a time',
  ),
  eventRate: {
    name: 'CORDON_EVENT_RATE',
    fallback: '120000/1m',
    meaning: 'Events that one tenant may publish; one counts as often as it is delivered',
    expected: RATE_EXPECTED,
    parse: rate,
  },
  eventBacklog: whole(
    'CORDON_EVENT_BACKLOG',
    '1000000',
    1,
    1_000_000_000,
    'Deliveries of one tenant that may wait or have failed; more events are refused',
  ),
  eventAttempts: whole(
    'CORDON_EVENT_ATTEMPTS',
    '8',
    1,
    100,
    'How often the delivery of an event is tried before it is a dead letter',
  ),
  cronAttempts: whole('CORDON_CRON_ATTEMPTS', '3', 1, 100, 'The same of a tick of cron'),
  deadLetterDays: whole('CORDON_DEAD_LETTER_DAYS', '30', 1, 3650, 'How many days a dead letter is kept'),
  cron: oneOf(
    'CORDON_CRON',
    'internal',
    ['internal', 'external'],
    'Who fires the ticks of cron: Cordon itself, or somebody outside by POST /api/v1/cron/tick',
  ),
} as const satisfies SettingTable;

export const TRIGGERS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);
