/** docs/cli.md says of every command, option and key of the manifest what the program itself says. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { optionText, usageOf } from '../../../src/cli/help.ts';

const manual = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

test('the manual has every command with its options and examples', () => {
  for (const command of COMMANDS) {
    const from = manual.indexOf(`### \`${usageOf(command)}\`\n\n${command.summary}.`);
    assert.ok(from >= 0, usageOf(command));
    const section = manual.slice(from, manual.indexOf('\n### ', from + 1) >>> 0);
    for (const option of command.options)
      assert.ok(
        section.includes(`| \`${optionText(option)}\` | ${option.meaning}`),
        `${command.name} --${option.name}`,
      );
    for (const [line] of command.examples) assert.ok(section.includes(line), line);
  }
});

test('the manual has every key of the manifest', () => {
  const file = readFileSync(new URL('../../../schema/cordon.schema.json', import.meta.url), 'utf8');
  const schema = JSON.parse(file) as {
    properties: { functions: { additionalProperties: { properties: Record<string, { description: string }> } } };
  };
  for (const [key, { description }] of Object.entries(schema.properties.functions.additionalProperties.properties))
    assert.ok(manual.includes(`| \`${key}\` | ${description}`), key);
});
