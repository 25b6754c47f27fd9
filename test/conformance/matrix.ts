/**
 * The matrix of tiers and cases: runs the conformance suite of every tier, and writes what each of them passed into
 * docs/tiers.md. `--check` writes nothing, and fails where the page says something else.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TIER_NAMES, type TierName } from '../../src/core/tier.ts';

interface Outcome {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

type Cases = Map<string, Map<TierName, Outcome>>;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = `${ROOT}docs/tiers.md`;
const START = '<!-- matrix: written by `npm run matrix` -->';
const END = '<!-- end of the matrix -->';

const groups = await runSuites();
const failures = [...groups.values()].flatMap((cases) =>
  [...cases].filter(([, tiers]) => [...tiers.values()].some(({ failed }) => failed > 0)).map(([name]) => name),
);
for (const name of failures) console.error(`failed: ${name}`);
const before = readFileSync(PAGE, 'utf8');
const after = withMatrix(before, textOf(groups));
if (!process.argv.includes('--check')) writeFileSync(PAGE, after);
else if (before !== after) console.error('docs/tiers.md does not say what the suites do now: run `npm run matrix`');
process.exitCode = failures.length > 0 || (process.argv.includes('--check') && before !== after) ? 1 : 0;

/** By group (`''` for what a sandbox does), then by case. */
async function runSuites(): Promise<Map<string, Cases>> {
  const found = new Map<string, Cases>();
  let suite = '';
  const files = globSync('test/conformance/*-tier.test.ts', { cwd: ROOT }).map((file) => ROOT + file);
  for await (const { type, data } of run({ files, concurrency: 1, timeout: 600_000 })) {
    if (type === 'test:start' && data.nesting === 0) suite = data.name;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.nesting !== 1) continue;
    const [, tier, group = ''] = /^the (\w+) tier[^:]*(?:: (.*))?$/.exec(suite) ?? [];
    if (tier === undefined || !isTier(tier)) continue;
    const outcome = outcomeOf(found, group, data.name, tier);
    if (type === 'test:fail') outcome.failed++;
    else if (data.skip === undefined) outcome.passed++;
    else outcome.skipped.push(typeof data.skip === 'string' ? data.skip : 'skipped');
  }
  return found;
}

function isTier(name: string): name is TierName {
  return (TIER_NAMES as readonly string[]).includes(name);
}

function outcomeOf(found: Map<string, Cases>, group: string, name: string, tier: TierName): Outcome {
  const cases: Cases = found.get(group) ?? new Map<string, Map<TierName, Outcome>>();
  found.set(group, cases);
  const tiers = cases.get(name) ?? new Map<TierName, Outcome>();
  cases.set(name, tiers);
  const outcome = tiers.get(tier) ?? { passed: 0, failed: 0, skipped: [] };
  tiers.set(tier, outcome);
  return outcome;
}

function textOf(found: Map<string, Cases>): string {
  const tiers = TIER_NAMES.filter((tier) =>
    [...found.values()].some((cases) => [...cases.values()].some((by) => by.has(tier))),
  );
  const notes: string[] = [];
  const sections = [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, cases]) => {
      const head = `| ${group === '' ? 'a sandbox' : group} | ${tiers.join(' | ')} |\n|---|${tiers.map(() => ':-:|').join('')}\n`;
      const rows = [...cases].map(
        ([name, by]) => `| ${name} | ${tiers.map((tier) => mark(by.get(tier), notes)).join(' | ')} |\n`,
      );
      return head + rows.join('');
    });
  const footnotes = notes.map((note, i) => `${i + 1}. ${note}\n`);
  return `\n${sections.join('\n')}\n${footnotes.join('')}`;
}

function mark(outcome: Outcome | undefined, notes: string[]): string {
  if (outcome === undefined) return '';
  if (outcome.failed > 0) return '✗';
  if (outcome.passed > 0) return '✓';
  const reason = outcome.skipped[0] ?? 'skipped';
  if (!notes.includes(reason)) notes.push(reason);
  return `– <sup>${notes.indexOf(reason) + 1}</sup>`;
}

function withMatrix(page: string, matrix: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) throw new Error(`docs/tiers.md has no place for the matrix: ${START} … ${END}`);
  return page.slice(0, start + START.length) + '\n' + matrix + '\n' + page.slice(end);
}
