/** `cordon attest`: runs every attack that is known against this deployment, and reports what held. */

import { writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { readAdminToken } from '../../auth/admin-token.ts';
import { ATTACK_CLASSES } from '../../attest/attack.ts';
import type { Attack } from '../../attest/attack.ts';
import type { Outcome, Report } from '../../attest/report.ts';
import type { SuiteOptions } from '../../attest/suite.ts';
import { environmentWithDotenv, loadClientConfig } from '../../config.ts';
import { TIER_NAMES, type TierName } from '../../core/tier.ts';
import { CliError } from '../command.ts';
import type { Command } from '../command.ts';
import type { Input } from '../input.ts';
import { table } from '../table.ts';
import { note, styled, write, writeJson } from '../terminal.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/cordon.js', import.meta.url));

export const attestCommand: Command = {
  name: 'attest',
  operands: '',
  summary: 'Attack this deployment in every way that is known, and report what held',
  notes: `Without --url a server is started for it, with the walls and tiers that "cordon serve" would have here and with data of
its own, which are gone afterwards. With --url it is a server that runs, by the token of CORDON_ADMIN_TOKEN or of the data
directory: then only the attacks are run that need no server of their own, from functions in the tenant default. The exit code
is 0 only where every attack and every bar held.`,
  options: [
    { name: 'url', value: 'URL', meaning: 'A server that runs (default: one that is started for this)' },
    {
      name: 'only',
      value: 'CLASS',
      repeats: true,
      choices: ATTACK_CLASSES,
      meaning: 'Only the attacks of this class; may be repeated',
    },
    {
      name: 'tier',
      value: 'TIER',
      repeats: true,
      choices: TIER_NAMES,
      meaning: 'Only in this tier (default: every one that works here)',
    },
    { name: 'report', value: 'FILE', meaning: 'Also write the report to this file, as JSON' },
  ],
  examples: [
    ['cordon attest', 'everything, in about three minutes'],
    ['cordon attest --tier worker --tier wasm', 'two tiers'],
    ['cordon attest --only egress --only http --report attest.json', 'two classes, with a report'],
  ],
  async run(input) {
    input.words();
    const attacks = await chosenAttacks(input);
    const url = input.text('url');
    const onOutcome = input.json ? undefined : progress;
    const options = { attacks, ...tiersOf(input), ...(onOutcome === undefined ? {} : { onOutcome }) };
    const report = url === undefined ? await againstOwn(options) : await againstRunning(url, options);
    const { allHeld } = await import('../../attest/report.ts');
    const whole = { ...report, held: allHeld(report), versions: await versions() };
    const file = input.text('report');
    if (file !== undefined) await writeFile(file, `${JSON.stringify(whole, null, 2)}\n`);
    if (input.json) await writeJson(whole);
    else await write(await textOf(report));
    return whole.held ? 0 : 1;
  },
};

type Options = Omit<SuiteOptions, 'server'>;

function tiersOf(input: Input): Pick<Options, 'tiers'> {
  const tiers = input.list('tier') as readonly TierName[];
  return tiers.length === 0 ? {} : { tiers };
}

async function chosenAttacks(input: Input): Promise<readonly Attack[]> {
  const { ATTACKS } = await import('../../attest/attacks.ts');
  const only = input.list('only');
  return only.length === 0 ? ATTACKS : ATTACKS.filter((attack) => only.includes(attack.class));
}

async function againstOwn(options: Options): Promise<Report> {
  const { startPrivateServer } = await import('../../attest/private-server.ts');
  note('Starting a server of its own …');
  const own = await startPrivateServer({
    command: [process.execPath, LAUNCHER, 'serve'],
    env: environmentWithDotenv(process.cwd()),
  });
  try {
    return await suite({ ...options, server: { url: own.url, operatorToken: own.operatorToken, own } });
  } finally {
    await own.close();
  }
}

async function againstRunning(url: string, options: Options): Promise<Report> {
  const { adminToken, dataDir } = loadClientConfig(process.cwd());
  const operatorToken = adminToken ?? readAdminToken(dataDir);
  if (operatorToken === null) throw new CliError('there is no admin token: set CORDON_ADMIN_TOKEN');
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new CliError(`--url is ${JSON.stringify(url)}, but it must be an http or https URL`);
  return suite({ ...options, server: { url, operatorToken, own: null } });
}

async function suite(options: SuiteOptions): Promise<Report> {
  const { runSuite, SuiteError } = await import('../../attest/suite.ts');
  return runSuite(options).catch((error: unknown) => {
    throw error instanceof SuiteError ? new CliError(error.message) : error;
  });
}

/** One line that is written over, on a terminal; elsewhere nothing but what did not hold. */
function progress({ name, outcome, evidence }: Outcome, done: number, total: number): void {
  if (outcome === 'broken') note(`did not hold: ${name}: ${evidence}`);
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${done} of ${total}`);
  if (process.stderr.isTTY && done === total) process.stderr.write('\r\u001b[2K');
}

async function textOf(report: Report): Promise<string> {
  const { countsOf } = await import('../../attest/report.ts');
  const { outcomes, bars, victim, durationMs, tiers, wall } = report;
  const rows = outcomes.map((one) => [one.name, one.class, one.tier ?? '-', word(one.outcome), one.evidence]);
  const counts = countsOf(outcomes);
  const sum = (key: 'held' | 'broken' | 'skipped'): number => counts.reduce((all, one) => all + one[key], 0);
  return [
    table(['ATTACK', 'CLASS', 'TIER', 'OUTCOME', 'EVIDENCE'], rows),
    '\n',
    table(
      ['CLASS', 'HELD', 'DID NOT HOLD', 'SKIPPED'],
      counts.map((one) => [one.class, String(one.held), String(one.broken), String(one.skipped)]),
    ),
    '\n',
    table(
      ['BAR', 'OUTCOME', 'SEEN'],
      bars.map((bar) => [bar.name, word(bar.held ? 'held' : 'broken'), bar.seen]),
    ),
    `\n${sum('held')} attacks held, ${sum('broken')} did not, ${sum('skipped')} were skipped, in ${Math.round(durationMs / 1000)} s, `,
    `behind ${wall ?? 'a wall that is not known'}, in the tiers ${tiers.join(', ')}; the victim answered ${victim.requests} requests.\n`,
  ].join('');
}

function word(outcome: Outcome['outcome']): string {
  if (outcome === 'broken') return styled('red', 'did not hold');
  return outcome;
}

async function versions(): Promise<Readonly<Record<string, string>>> {
  const require = createRequire(import.meta.url);
  const versionOf = (path: string): string => (require(path) as { version: string }).version;
  const { node, v8, openssl } = process.versions;
  return {
    cordon: versionOf('../../../package.json'),
    node,
    v8,
    openssl,
    isolatedVm: versionOf('isolated-vm/package.json'),
    kernel: release(),
  };
}
