/** `cordon doctor`: what this machine and this configuration offer, and the one command that would mend each gap. */

import { environmentWithDotenv, loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import type { Examination, Finding, Health } from '../../runtime.ts';
import { oneLine } from '../../lib/printable.ts';
import type { Command } from '../command.ts';
import { styled, write, writeJson } from '../terminal.ts';
import type { Style } from '../terminal.ts';

/** `load`: only when the work begins, because the other commands need none of it. */
export function doctorCommand(load: () => Promise<{ examine(config: Config): Promise<Examination> }>): Command {
  return {
    name: 'doctor',
    operands: '',
    summary: 'Show what this machine offers each tier and each wall, and how to mend what is missing',
    notes:
      'Everything is tried: walls and a function are started, the database is opened. Settings are those that "cordon serve" would\nhave here. The exit code is 0 where functions can run, else 1.',
    options: [
      { name: 'data-dir', value: 'FOLDER', meaning: 'CORDON_DATA_DIR (default: .cordon)' },
      {
        name: 'unsafe-no-os-sandbox',
        meaning: 'As if "cordon serve" were started with it',
      },
    ],
    examples: [
      ['cordon doctor', 'before the first start'],
      ['cordon doctor --json', 'for a program'],
    ],
    async run(input) {
      input.words();
      const dataDir = input.text('data-dir');
      const config = loadConfig(input.flag('unsafe-no-os-sandbox') ? { unsafeNoOsSandbox: true } : {}, {
        ...environmentWithDotenv(process.cwd()),
        ...(dataDir === undefined ? {} : { CORDON_DATA_DIR: dataDir }),
      });
      const { examine } = await load();
      const examination = await examine(config);
      if (input.json) await writeJson(examination);
      else await write(textOf(examination));
      return examination.canRun ? 0 : 1;
    },
  };
}

const MARKS: Readonly<Record<Health, readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'green'],
  gap: ['–', 'yellow'],
  fatal: ['✗', 'red'],
};

function textOf({ findings }: Examination): string {
  const groups = Map.groupBy(findings, ({ group }) => group);
  const width = Math.max(...findings.map(({ name }) => name.length));
  return [...groups]
    .map(([group, own]) => `${styled('bold', group)}\n${own.map((one) => lineOf(one, width)).join('')}`)
    .join('');
}

function lineOf({ name, health, found, cure }: Finding, width: number): string {
  const [mark, style] = MARKS[health];
  const shown = health === 'fatal' ? styled('red', oneLine(found)) : oneLine(found);
  const mend =
    cure === undefined || health === 'ok' ? '' : `    ${' '.repeat(width)}${styled('cyan', oneLine(cure))}\n`;
  return `  ${styled(style, mark)} ${name.padEnd(width)} ${shown}\n${mend}`;
}
