/** `cordon tiers`: one function in every tier that works here, as a table and a plot. */

import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { environmentWithDotenv, loadConfig } from '../../config.ts';
import { TIER_NAMES, type TierName } from '../../core/tier.ts';
import type { Comparison, Row, TierStatus } from '../../runtime.ts';
import { COLUMNS, svgOf } from '../chart.ts';
import type { Command } from '../command.ts';
import { readSources } from '../project/sources.ts';
import { table } from '../table.ts';
import { note, styled, write, writeJson } from '../terminal.ts';

type Load = () => Promise<Pick<typeof import('../../runtime.ts'), 'compareTiers'>>;

/** `load`: only when the work begins, because the other commands need none of it. */
export function tiersCommand(load: Load): Command {
  return {
    name: 'tiers',
    operands: '[FILE]',
    summary: 'Run one function in every tier that works here, and compare',
    notes: `Without FILE: a hello, 10 KB of JSON, 5 ms of CPU and a fetch. A Cordon of its own is started for it, with the walls
and tiers that "cordon serve" would have here. Figures are taken inside the host: no HTTP is in them. What each wall has
withstood, "cordon attest" says.`,
    options: [
      { name: 'tier', value: 'TIER', repeats: true, choices: TIER_NAMES, meaning: 'Only this tier; may be repeated' },
      { name: 'svg', value: 'FILE', meaning: 'Also draw the figures into this file' },
    ],
    examples: [
      ['cordon tiers', 'what each wall costs on this machine'],
      ['cordon tiers api.ts --svg tiers.svg', 'the same for a function of yours'],
    ],
    async run(input) {
      const file = input.positionals.length === 0 ? undefined : input.one('FILE');
      const sources = file === undefined ? null : await readSources(file);
      const only = input.list('tier') as TierName[];
      const { compareTiers } = await load();
      const comparison = await compareTiers({
        ...(sources === null ? {} : { workload: { name: basename(file!), ...sources } }),
        tiers: only.length === 0 ? null : only,
        config: ({ dataDir, allowPrivate }) =>
          loadConfig(
            { dataDir },
            { ...environmentWithDotenv(process.cwd()), CORDON_EGRESS_ALLOW_PRIVATE: allowPrivate },
          ),
        onProgress: (tier, workload) => input.json || note(`${tier}: ${workload} …`),
      });
      const svg = input.text('svg');
      if (svg !== undefined) await writeFile(svg, svgOf(comparison.rows));
      if (input.json) await writeJson(comparison);
      else await write(textOf(comparison));
      return comparison.rows.some(({ measured }) => measured !== null) ? 0 : 1;
    },
  };
}

function textOf({ rows, tiers }: Comparison): string {
  const groups = Map.groupBy(rows, ({ workload }) => workload);
  return [...groups].map(([name, own]) => `${styled('bold', name)}\n${tableOf(own)}\n`).join('') + missing(tiers);
}

function tableOf(rows: readonly Row[]): string {
  const largest = COLUMNS.map(({ of }) => Math.max(...rows.map(({ measured }) => (measured && of(measured)) ?? 0)));
  const lines = rows.map(({ tier, measured, error }) =>
    measured === null
      ? [tier, `failed: ${error}`]
      : [tier, ...COLUMNS.map(({ of, unit }, i) => cellOf(of(measured), unit, rows.length > 1 ? largest[i]! : 0))],
  );
  return table(['tier', ...COLUMNS.map(({ title }) => title)], lines);
}

const BAR = 8;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function cellOf(value: number | null, unit: string, largest: number): string {
  if (value === null) return 'not seen here';
  const eighths = largest === 0 ? 0 : Math.round((value / largest) * BAR * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return `${shown(value)} ${unit}`.padEnd(12) + bar;
}

function shown(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function missing(tiers: readonly TierStatus[]): string {
  return tiers
    .flatMap(({ name, probe }) =>
      probe.works ? [] : [`${styled('dim', `${name}: ${probe.reason}. ${probe.cure}`)}\n`],
    )
    .join('');
}
