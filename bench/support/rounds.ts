/**
 * Rounds: subjects are measured in turn (A B A B …), because a machine that others use drifts; what disturbs one disturbs
 * its neighbour in time, and the ratio of the two stands.
 */

import { runLoad } from './load.ts';
import type { Load, LoadResult } from './load.ts';
import { median } from './statistics.ts';

/** A list of results for each subject, one for each round. */
export async function inTurns<Subject, Result>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject) => Promise<Result>,
): Promise<Result[][]> {
  const results: Result[][] = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) results[index]!.push(await measure(subject));
  }
  return results;
}

/** The same loads in turns: each figure is the median of its rounds. */
export async function loadInTurns(loads: readonly Load[], rounds: number): Promise<LoadsInTurns> {
  const results = await inTurns(loads, rounds, runLoad);
  const rates = results.map((ofLoad) => ofLoad.map(({ requestsPerSecond }) => requestsPerSecond));
  return {
    medians: results.map((ofLoad) => ({
      requests: median(ofLoad.map(({ requests }) => requests)),
      requestsPerSecond: median(ofLoad.map(({ requestsPerSecond }) => requestsPerSecond)),
      p50Ms: median(ofLoad.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(ofLoad.map(({ p99Ms }) => p99Ms)),
    })),
    ratios: rates.map((ofLoad) => medianRatio(ofLoad, rates[0]!)),
  };
}

export interface LoadsInTurns {
  readonly medians: readonly LoadResult[];
  /** Requests a second against those of the first load: the median of the rounds' own ratios. */
  readonly ratios: readonly number[];
}

/** The median of the rounds' own ratios. */
export function medianRatio(values: readonly number[], references: readonly number[]): number {
  return median(values.map((value, round) => value / references[round]!));
}
