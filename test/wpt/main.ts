/**
 * `npm run wpt -- DIR [AREA …]`: runs Web Platform Tests from a checkout inside the real guest, behind its walls, each file
 * as an execution of its own, and prints for each area how many subtests passed of how many.
 *
 * `--json FILE` writes every subtest that failed. `--serve` starts a server for what tests of fetch() ask for. `--check` ends with 1 where an area falls below expectations.json;
 * `--update` writes what was found there.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { createCordon, type Cordon } from '../../src/index.ts';
import { AREAS, type Area, type Exclusion } from './areas.ts';
import { startWptServer, type WptServer } from './server.ts';
import { runsOf, testFiles, type Report, type TestRun } from './test-file.ts';

interface Tally {
  passed: number;
  total: number;
  /** Subtests that do not count, and files that were not run. */
  left: number;
  readonly failures: Record<string, string[]>;
}

type Expectations = Record<string, { readonly passed: number; readonly total: number }>;

const EXPECTATIONS = new URL('expectations.json', import.meta.url);
const TIMEOUT_MS = 30_000;
const MEMORY_MB = 512;
const PASS = 0;
/** Of an area: on a machine that is busy with something else a test or two run out of time. */
const SLACK = 0.003;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    serve: { type: 'boolean' },
    check: { type: 'boolean' },
    update: { type: 'boolean' },
  },
});
const [directory, ...names] = positionals;
if (directory === undefined) fail('Usage: npm run wpt -- DIR [AREA …] [--serve] [--json FILE] [--check | --update]');
const unknown = names.find((name) => !AREAS.some((area) => area.name === name));
if (unknown !== undefined) fail(`There is no area ${unknown}; there are ${AREAS.map(({ name }) => name).join(', ')}`);
process.exitCode = await main(resolve(directory), names);

async function main(checkout: string, wanted: readonly string[]): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-wpt-'));
  const server = values.serve === true ? await startWptServer(checkout) : null;
  const egress = server === null ? {} : { egress: { allowPrivate: [server.host] } };
  const cordon = await createCordon({ dataDir, maxCodeBytes: 16 * 1024 * 1024, accessLog: false, ...egress });
  const tallies: Record<string, Tally> = {};
  try {
    for (const area of AREAS) {
      if (wanted.length > 0 && !wanted.includes(area.name)) continue;
      const tally = await runArea(cordon, checkout, area, server);
      if (tally.total === 0) continue;
      tallies[area.name] = tally;
      say(area.name, tally);
    }
  } finally {
    await cordon.close();
    await server?.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(tallies, null, 2)}\n`);
  if (values.update === true) update(tallies);
  return values.check === true && !compare(tallies, wanted) ? 1 : 0;
}

async function runArea(
  cordon: Cordon,
  checkout: string,
  { folders, without = [] }: Area,
  server: WptServer | null,
): Promise<Tally> {
  const files = folders.flatMap((folder) => testFiles(checkout, folder));
  const wanted = files.filter((file) => !without.some(({ path }) => path?.test(urlPath(checkout, file))));
  const tally: Tally = { passed: 0, total: 0, left: files.length - wanted.length, failures: {} };
  const next = wanted.flatMap((file) => runsOf(checkout, file, server?.host ?? null)).values();
  const worker = async (): Promise<void> => {
    for (const run of next) count(tally, run, await reportOf(cordon, run), without);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return tally;
}

async function reportOf(cordon: Cordon, { code }: TestRun): Promise<Report> {
  const outcome = await cordon.execute({ code, timeoutMs: TIMEOUT_MS, memoryMb: MEMORY_MB });
  if (outcome.ok) return outcome.result.body as Report;
  return { tests: [], status: 1, message: `${outcome.fault.code}: ${outcome.fault.message}` };
}

/** A file that did not get to its end counts as one subtest that failed. */
function count(tally: Tally, { name }: TestRun, report: Report, without: readonly Exclusion[]): void {
  const tests = report.tests.filter(([title]) => !without.some(({ test }) => test?.test(title)));
  const failures = tests
    .filter(([, status]) => status !== PASS)
    .map(([test, , message]) => `${test}: ${message ?? ''}`);
  const broken = report.status !== PASS ? [`(the file) ${report.message ?? 'ended too early'}`] : [];
  tally.left += report.tests.length - tests.length;
  tally.total += tests.length + broken.length;
  tally.passed += tests.length - failures.length;
  if (failures.length + broken.length > 0) tally.failures[name] = [...broken, ...failures];
}

function compare(tallies: Readonly<Record<string, Tally>>, wanted: readonly string[]): boolean {
  const expected = JSON.parse(readFileSync(EXPECTATIONS, 'utf8')) as Expectations;
  const fallen = Object.entries(expected)
    .filter(([name]) => wanted.length === 0 || wanted.includes(name))
    .filter(([name]) => isExpected(name, tallies))
    .filter(([name, { passed }]) => (tallies[name]?.passed ?? 0) < passed - passed * SLACK);
  for (const [name, { passed, total }] of fallen)
    process.stdout.write(`${name} fell below its expectation of ${passed} of ${total}\n`);
  return fallen.length === 0;
}

/** Of an area that the checkout may lack, or that needs a server, nothing is expected where that is so. */
function isExpected(name: string, tallies: Readonly<Record<string, Tally>>): boolean {
  const area = AREAS.find((other) => other.name === name);
  if (area?.isServed === true && values.serve !== true) return false;
  return area?.isOptional !== true || tallies[name] !== undefined;
}

function update(tallies: Readonly<Record<string, Tally>>): void {
  const known = JSON.parse(readFileSync(EXPECTATIONS, 'utf8')) as Expectations;
  for (const [name, { passed, total }] of Object.entries(tallies)) known[name] = { passed, total };
  writeFileSync(EXPECTATIONS, `${JSON.stringify(known, null, 2)}\n`);
}

function say(name: string, { passed, total, left }: Tally): void {
  const share = ((100 * passed) / total).toFixed(1);
  const besides = left === 0 ? '' : `   ${left} left out, see areas.ts`;
  process.stdout.write(`${name.padEnd(20)} ${`${passed}/${total}`.padStart(12)} ${share.padStart(6)} %${besides}\n`);
}

function urlPath(checkout: string, file: string): string {
  return relative(checkout, file).split(sep).join('/');
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
