import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('README lists every setting as it is', () => {
  for (const { name, default: fallback, meaning } of SETTINGS)
    assert.ok(readme.includes(`| \`${name}\` | ${fallback} | ${meaning} |`), name);
});
