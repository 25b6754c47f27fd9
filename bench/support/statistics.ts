/** Statistics: what one number to say for many. */

/** Throws a RangeError where there are none. */
export function median(values: readonly number[]): number {
  const sorted = inOrder(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that `percent` % of all do not exceed. Throws a RangeError where there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = inOrder(values);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

function inOrder(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError('There is nothing to make a statistic of');
  return values.toSorted((a, b) => a - b);
}
