/** Help: what the tables of commands and options say, as text. */

import type { Command, Option } from './command.ts';
import { optionsOf } from './input.ts';
import { styled } from './terminal.ts';

export function overview(commands: readonly Command[]): string {
  return `Cordon runs code you don't trust.

${pairs(commands.map((command) => [usageOf(command), command.summary]))}

  cordon help COMMAND     tells of a command, with examples
  cordon --version

Commands other than serve, dev, init, db and completion talk to the server at CORDON_URL (by default
http://127.0.0.1:3003) with the token in CORDON_ADMIN_TOKEN, or else the one in the data directory (CORDON_DATA_DIR, by
default .cordon). Exit codes: 0 it worked, 1 it did not, 2 the command line is not valid.`;
}

/** Of the commands that begin with one word: `cordon help secrets`. */
export function groupHelp(commands: readonly Command[]): string {
  return `${pairs(commands.map((command) => [usageOf(command), command.summary]))}

  cordon help COMMAND     tells of one of them, with examples`;
}

export function commandHelp(command: Command): string {
  const { summary, notes, examples } = command;
  return [
    summary,
    `  ${usageOf(command)}`,
    ...(notes === undefined ? [] : [notes]),
    `${styled('bold', 'Options')}\n${pairs(optionsOf(command).map((option) => [optionText(option), meaningOf(option)]))}`,
    ...(examples.length === 0
      ? []
      : [
          `${styled('bold', 'Examples')}\n${examples.map(([line, meaning]) => `  # ${meaning}\n  ${line}`).join('\n')}`,
        ]),
  ].join('\n\n');
}

export function usageOf({ name, operands, options }: Command): string {
  return ['cordon', name, operands, ...(options.length === 0 ? [] : ['[options]'])]
    .filter((part) => part !== '')
    .join(' ');
}

/** `-f, --follow`, `--tenant TENANT`. */
export function optionText({ name, short, value }: Option): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function meaningOf({ meaning, choices, repeats }: Option): string {
  const either = choices === undefined ? '' : ` (${choices.join(', ')})`;
  return `${meaning}${either}${repeats === true ? '; may be repeated' : ''}`;
}

function pairs(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`).join('\n');
}
