/** Report: what the suite saw, for programs as it is and for people as text. */

import type { TierName } from '../core/tier.ts';
import { ATTACK_CLASSES, type AttackClass } from './attack.ts';
import type { ProbeSummary } from './steady-probe.ts';

export interface Outcome {
  readonly name: string;
  readonly class: AttackClass;
  readonly tier: TierName | null;
  readonly outcome: 'held' | 'broken' | 'skipped';
  readonly evidence: string;
  readonly tookMs: number;
}

/** What has to be so over the whole suite. */
export interface Bar {
  readonly name: string;
  readonly held: boolean;
  readonly seen: string;
}

export interface Report {
  readonly startedAt: string;
  readonly durationMs: number;
  readonly tiers: readonly TierName[];
  /** Null: not known. */
  readonly wall: string | null;
  /** The victim without any attack: before the first and after the last, whichever was slower. */
  readonly calm: ProbeSummary;
  readonly victim: ProbeSummary;
  /** Of the server's own process; null: not known. */
  readonly rssGrowthBytes: number | null;
  readonly bars: readonly Bar[];
  /** In the order in which they ended. */
  readonly outcomes: readonly Outcome[];
}

const MB = 1024 * 1024;
const MAX_GROWTH_MB = 50;
export const MAX_GROWTH_BYTES: number = MAX_GROWTH_MB * MB;
const MIN_SUCCESS = 0.999;
const MAX_P99_MS = 250;
/** On a machine that is busy with other things, answers take longer without any attack. */
const MAX_P99_OF_CALM = 3;

export interface Seen {
  readonly summary: ProbeSummary;
  readonly calm: ProbeSummary;
  readonly rssGrowthBytes: number | null;
  /** The server's exit code; undefined: it runs. */
  readonly ended: number | string | undefined;
  readonly isOwn: boolean;
}

export function barsOf({ summary, calm, rssGrowthBytes, ended, isOwn }: Seen): Bar[] {
  const { successRate, p99Ms, requests, failures } = summary;
  const maxP99Ms = Math.max(MAX_P99_MS, Math.round(MAX_P99_OF_CALM * calm.p99Ms));
  const growthMb = rssGrowthBytes === null ? null : Math.round(rssGrowthBytes / MB);
  const first = failures[0] === undefined ? '' : `; the first wrong answer: ${failures[0]}`;
  return [
    ...(isOwn
      ? [
          {
            name: 'the server runs on',
            held: ended === undefined,
            seen: ended === undefined ? 'yes' : `ended with ${ended}`,
          },
        ]
      : []),
    {
      name: `the victim answers ${MIN_SUCCESS * 100} % of its requests`,
      held: successRate >= MIN_SUCCESS,
      seen: `${(successRate * 100).toFixed(3)} % of ${requests}${first}`,
    },
    {
      name: `99 % of them within ${maxP99Ms} ms`,
      held: p99Ms <= maxP99Ms,
      seen: `${p99Ms} ms (median ${summary.p50Ms}, longest ${summary.maxMs}; without any attack ${calm.p99Ms})`,
    },
    ...(growthMb === null
      ? []
      : [
          {
            name: `the server grows by at most ${MAX_GROWTH_MB} MB`,
            held: growthMb <= MAX_GROWTH_MB,
            seen: `${growthMb} MB`,
          },
        ]),
  ];
}

export const allHeld = ({ outcomes, bars }: Pick<Report, 'outcomes' | 'bars'>): boolean =>
  outcomes.every(({ outcome }) => outcome !== 'broken') && bars.every(({ held }) => held);

/** One line for each class: how many held, were broken, were skipped. */
export function countsOf(
  outcomes: readonly Outcome[],
): { readonly class: AttackClass; readonly held: number; readonly broken: number; readonly skipped: number }[] {
  return ATTACK_CLASSES.map((name) => {
    const own = outcomes.filter((outcome) => outcome.class === name);
    const count = (wanted: Outcome['outcome']): number => own.filter(({ outcome }) => outcome === wanted).length;
    return { class: name, held: count('held'), broken: count('broken'), skipped: count('skipped') };
  }).filter(({ held, broken, skipped }) => held + broken + skipped > 0);
}
