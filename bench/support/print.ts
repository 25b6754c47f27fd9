/** Print: reports as text for a terminal. */

import { isMet } from '../benchmark.ts';
import type { Report, Table, Target, Unit } from '../benchmark.ts';

const DIGITS: Readonly<Record<Unit, number>> = { 'req/s': 0, ms: 2, MB: 1, ratio: 2, count: 0 };
const GAP = '  ';

export function textOf({ tables, targets, notes }: Report): string {
  return [
    ...tables.flatMap((table) => ['', ...linesOf(table)]),
    '',
    ...targets.map(targetLine),
    ...notes.map((note) => `  note    ${note}`),
    '',
  ].join('\n');
}

function linesOf({ title, columns, rows }: Table): string[] {
  const grid = [
    [title, ...columns],
    ...rows.map(({ label, cells }) => [label, ...cells.map(({ value, unit }) => quantity(value, unit))]),
  ];
  const widths = grid[0]!.map((_, column) => Math.max(...grid.map((line) => line[column]?.length ?? 0)));
  return grid.map((line) => {
    const aligned = line.map((text, column) =>
      column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
    );
    return `  ${aligned.join(GAP)}`;
  });
}

function targetLine(target: Target): string {
  const { what, value, unit, bound } = target;
  const limit = 'atLeast' in bound ? `≥ ${quantity(bound.atLeast, unit)}` : `≤ ${quantity(bound.atMost, unit)}`;
  return `  ${isMet(target) ? 'met   ' : 'MISSED'}  ${what}: ${quantity(value, unit)} (target ${limit})`;
}

function quantity(value: number, unit: Unit): string {
  const number = value.toLocaleString('en', {
    minimumFractionDigits: DIGITS[unit],
    maximumFractionDigits: DIGITS[unit],
  });
  return unit === 'ratio' || unit === 'count' ? number : `${number} ${unit}`;
}
