/** Chart: the figures of a comparison of tiers, drawn as SVG: a row of bars for each tier, a block for each workload. */

import type { Row } from '../runtime.ts';

type Measured = NonNullable<Row['measured']>;

interface Column {
  readonly title: string;
  readonly unit: string;
  /** Null where it was not to be seen. */
  of(measured: Measured): number | null;
}

export const COLUMNS: readonly Column[] = [
  { title: 'cold p50', unit: 'ms', of: ({ coldMs }) => coldMs },
  { title: 'warm p50', unit: 'ms', of: ({ warmP50Ms }) => warmP50Ms },
  { title: 'warm p99', unit: 'ms', of: ({ warmP99Ms }) => warmP99Ms },
  { title: 'throughput', unit: '/s', of: ({ callsPerSecond }) => callsPerSecond },
  { title: 'memory', unit: 'MB', of: ({ functionMb }) => functionMb },
];

const NAME_WIDTH = 90;
const COLUMN_WIDTH = 170;
const BAR_WIDTH = 95;
const ROW_HEIGHT = 22;
const HEAD_HEIGHT = 46;

/** Colours that differ in lightness too, and stand out on white as on black. */
const COLOURS: Readonly<Record<Row['tier'], string>> = {
  wasm: '#7b4fd0',
  isolate: '#1f7fc4',
  worker: '#2a9d6f',
  container: '#c98a12',
  microvm: '#cc4a36',
  remote: '#77808a',
};

export function svgOf(rows: readonly Row[]): string {
  const blocks = [...Map.groupBy(rows, ({ workload }) => workload)];
  let y = 0;
  const drawn = blocks.map(([name, own]) => {
    const block = blockOf(name, own, y);
    y += HEAD_HEIGHT + own.length * ROW_HEIGHT + 10;
    return block;
  });
  const width = NAME_WIDTH + COLUMNS.length * COLUMN_WIDTH;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="system-ui, sans-serif" font-size="12" fill="#8a8f98">\n${drawn.join('')}</svg>\n`;
}

function blockOf(name: string, rows: readonly Row[], top: number): string {
  const titles = COLUMNS.map(({ title }, i) => text(NAME_WIDTH + i * COLUMN_WIDTH, top + 38, title)).join('');
  const lines = rows.map((row, i) => lineOf(row, rows, top + HEAD_HEIGHT + i * ROW_HEIGHT)).join('');
  return text(0, top + 18, name, ' font-size="14" font-weight="600"') + titles + lines;
}

function lineOf({ tier, measured, error }: Row, rows: readonly Row[], y: number): string {
  const label = text(0, y + 13, tier);
  if (measured === null) return label + text(NAME_WIDTH, y + 13, `failed: ${error}`);
  const cells = COLUMNS.map(({ of, unit }, i) => {
    const x = NAME_WIDTH + i * COLUMN_WIDTH;
    const value = of(measured);
    if (value === null) return text(x, y + 13, 'not seen here');
    const largest = Math.max(...rows.map((row) => (row.measured && of(row.measured)) ?? 0));
    const width = largest === 0 ? 0 : Math.max(1, (value / largest) * BAR_WIDTH);
    const bar = `<rect x="${x}" y="${y + 3}" width="${width.toFixed(1)}" height="13" rx="2" fill="${COLOURS[tier]}"/>\n`;
    return bar + text(x + width + 5, y + 13, `${Number(value.toPrecision(3))} ${unit}`);
  });
  return label + cells.join('');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y}"${attributes}>${escaped}</text>\n`;
}
