/** Now: `$now` and `$now(-1 day)` in the values of a query. */

const FORM = /^\$now(?:\( *([+-]?) *(\d{1,6}) *(second|minute|hour|day|week|month|year)s? *\))?$/;

const UNIT_MS: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
};
const UNIT_MONTHS: Readonly<Record<string, number>> = { month: 1, year: 12 };
/** The last that a Date can be. */
const MAX_TIME_MS = 8.64e15;

/** ISO text; null where it begins like one and is none. */
export function resolveNow(text: string, nowMs: number): string | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, sign, digits, unit] = match;
  if (digits === undefined || unit === undefined) return isoOf(nowMs);
  const count = Number(digits) * (sign === '-' ? -1 : 1);
  const unitMs = UNIT_MS[unit];
  return isoOf(unitMs === undefined ? addMonths(nowMs, count * UNIT_MONTHS[unit]!) : nowMs + count * unitMs);
}

/** In UTC; the 31st becomes the last day of a month that has none. */
function addMonths(ms: number, months: number): number {
  const date = new Date(ms);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

const isoOf = (ms: number): string | null => (Math.abs(ms) <= MAX_TIME_MS ? new Date(ms).toISOString() : null);
