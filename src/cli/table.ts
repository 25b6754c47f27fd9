/** Table: rows in aligned columns that fit the terminal. */

import { oneLine } from '../lib/printable.ts';
import { styled } from './terminal.ts';

const GAP = '  ';
/** A column is not made narrower than this, however narrow the terminal is. */
const MIN_COLUMN = 8;

/** `width` in characters; infinite where nobody looks. Cells are cut at it, the widest first. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = terminalWidth(),
): string {
  const cells = rows.map((row) => row.map(oneLine));
  const widths = fitted(
    headings.map((heading, i) => Math.max(heading.length, ...cells.map((row) => lengthOf(row[i] ?? '')))),
    width,
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => padded(cut(cell, widths[i]!), i === row.length - 1 ? 0 : widths[i]!))
      .join(GAP)
      .trimEnd();
  return [styled('dim', line(headings)), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** Name and value, one pair a line; without those that are undefined. */
export function sheet(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${styled('dim', name.padEnd(width))}  ${oneLine(value)}\n`).join('');
}

function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

function fitted(widths: number[], total: number): number[] {
  const room = total - GAP.length * (widths.length - 1);
  for (let sum = widths.reduce((a, b) => a + b, 0); sum > room; sum -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= MIN_COLUMN) break;
    widths[widest]! -= 1;
  }
  return widths;
}

const lengthOf = (text: string): number => Array.from(text).length;
const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - lengthOf(text)));

function cut(text: string, width: number): string {
  return lengthOf(text) <= width
    ? text
    : `${Array.from(text)
        .slice(0, width - 1)
        .join('')}…`;
}
