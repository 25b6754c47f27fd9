/**
 * `cordon deploy`: makes a new version of each function of a project, or of one file.
 *
 * Files are sent as they are; the server bundles them. What changes is shown first, as far as it can be told from here.
 */

import type { Trigger } from '../../core/function-record.ts';
import { CAPABILITY_NAMES } from '../../core/grants.ts';
import { RUNTIME_WORDS } from '../../core/runtime.ts';
import { createClient } from '../client.ts';
import type { Client } from '../client.ts';
import { CliError, TENANT, UsageError } from '../command.ts';
import type { Command, Option } from '../command.ts';
import { deploy, findFunction } from '../deploying.ts';
import type { DeployHow } from '../deploying.ts';
import type { Input } from '../input.ts';
import { PROJECT, ROOT, projectFolderOf, rootOf } from '../project-option.ts';
import { prepare, preparedOf } from '../project/deployment.ts';
import type { DeploymentSettings, Prepared } from '../project/deployment.ts';
import { differences } from '../project/difference.ts';
import type { Difference } from '../project/difference.ts';
import { readProject, selectFunctions } from '../project/project.ts';
import { readSources } from '../project/sources.ts';
import { note, styled, writeJson, writeLine } from '../terminal.ts';
import { readEnvFile } from '../variables.ts';
import { deployedOf, deployedText } from '../views.ts';
import type { DeployedView } from '../views.ts';

/** Of a file alone: in a project the manifest says these. */
const FILE_OPTIONS: readonly Option[] = [
  { name: 'handler', value: 'NAME', meaning: 'With FILE: the export to call as handler(event, context)' },
  {
    name: 'handler-kind',
    value: 'KIND',
    choices: ['module', 'script'],
    meaning: 'With FILE: exports decide, or a body with a top-level return',
  },
  { name: 'timeout-ms', value: 'N', meaning: 'With FILE: how long one call may take' },
  { name: 'memory-mb', value: 'N', meaning: 'With FILE: how much memory one sandbox may use' },
  {
    name: 'runtime',
    value: 'RUNTIME',
    choices: RUNTIME_WORDS,
    meaning: "With FILE: the language (default: what the file's name says)",
  },
  { name: 'tier', value: 'TIER', meaning: 'With FILE: the kind of wall' },
  { name: 'cordon', value: 'CORDON', meaning: 'With FILE: the set of functions that may share a process with it' },
  {
    name: 'capability',
    value: 'NAME',
    repeats: true,
    choices: CAPABILITY_NAMES,
    meaning: 'With FILE: a host service that it may call by ctx; those that are not named it may not',
  },
  { name: 'event', value: 'PATTERN', meaning: 'With FILE: events run it whose channel matches, as items:posts:*' },
  { name: 'schedule', value: 'CRON', meaning: 'With FILE: it runs at these times (UTC), as */5 * * * *' },
  { name: 'stream-body', meaning: 'With FILE: start before the request body has ended' },
  { name: 'no-verify-jwt', meaning: 'With FILE: /functions/v1 answers without a JWT' },
];

export const deployCommand: Command = {
  name: 'deploy',
  operands: '[NAME… | FILE --name NAME]',
  summary: 'Deploy the functions of a project, or one file, with everything that they import',
  notes: `In a project (cordon.toml, supabase/config.toml, or just a functions folder) all functions are deployed, or those that are
named. Before each one stands what changes. Where one fails the others are deployed all the same, and the exit code is 1.`,
  options: [
    { name: 'name', value: 'NAME', meaning: 'With FILE: what it is called: /fn/NAME' },
    { name: 'dry-run', meaning: 'Show what would change, and change nothing' },
    { name: 'no-live', meaning: 'Keep the version, and do not make it live yet' },
    { name: 'alias', value: 'ALIAS', meaning: 'Let the new version answer at /fn/NAME@ALIAS, too' },
    { name: 'env', value: 'KEY=VALUE', repeats: true, meaning: 'A variable of its environment' },
    { name: 'env-file', value: 'FILE', meaning: 'Also every NAME=VALUE of this file' },
    ...FILE_OPTIONS,
    PROJECT,
    ROOT,
    TENANT,
  ],
  examples: [
    ['cordon deploy', 'all the functions of the project in the working directory'],
    ['cordon deploy hello mailer --dry-run', 'what would change of these two'],
    ['cordon deploy hello --no-live --alias next', 'try it at /fn/hello@next, then: cordon promote hello'],
    ['cordon deploy functions/hello.ts --name hello', 'one file, without a project'],
    ['cordon deploy api/main.py --name api', 'Python: the folder of main.py'],
  ],
  async run(input) {
    const { functions, tenant } = await whatToDeploy(input);
    if (functions.length === 0) throw new CliError('there is no function to deploy');
    const client = createClient();
    const how = { tenant, alias: input.text('alias'), live: input.flag('no-live') ? false : undefined };
    const outcomes: Outcome[] = [];
    for (const [index, found] of functions.entries()) {
      if (functions.length > 1 && !input.json) note(`[${index + 1}/${functions.length}] ${found.name}`);
      outcomes.push(await outcomeOf(client, found, how, input));
    }
    if (input.json) await writeJson(outcomes);
    return outcomes.every(({ error }) => error === undefined) ? 0 : 1;
  },
};

/** A function that is going to be prepared; its sources are read only when its turn comes. */
interface Planned {
  readonly name: string;
  prepare(): Promise<Prepared>;
}

interface Outcome {
  readonly name: string;
  readonly changes?: readonly Difference[];
  readonly deployed?: DeployedView;
  readonly error?: string;
}

async function whatToDeploy(input: Input): Promise<{ functions: readonly Planned[]; tenant: string | undefined }> {
  const name = input.text('name');
  if (name === undefined && !input.positionals.some(isPath)) {
    const misplaced = FILE_OPTIONS.find(
      ({ name: option }) => input.flag(option) || input.text(option) !== undefined || input.list(option).length > 0,
    );
    if (misplaced !== undefined)
      throw new UsageError(`--${misplaced.name} is for a FILE: in a project, cordon.toml says it`);
    const project = await readProject(projectFolderOf(input));
    const functions = selectFunctions(project, input.positionals);
    const env = await environmentOf(input);
    return {
      tenant: input.tenant ?? project.tenant,
      functions: functions.map((found) => ({ name: found.name, prepare: () => prepare(found, env, rootOf(input)) })),
    };
  }
  if (name === undefined) throw new UsageError('--name is missing');
  const file = input.one('FILE');
  const settings = fileSettings(input, await environmentOf(input));
  return {
    tenant: input.tenant,
    functions: [{ name, prepare: async () => preparedOf(name, await readSources(file), settings) }],
  };
}

/** Names of functions have neither dots nor slashes. */
const isPath = (word: string): boolean => /[./\\]/.test(word);

async function environmentOf(input: Input): Promise<Record<string, string>> {
  const file = input.text('env-file');
  return { ...(file === undefined ? {} : await readEnvFile(file)), ...Object.fromEntries(input.pairs('env', '=')) };
}

function fileSettings(input: Input, env: Readonly<Record<string, string>>): DeploymentSettings {
  const kind = input.text('handler-kind');
  const capabilities = input.list('capability');
  return {
    handler: input.text('handler'),
    handlerKind: kind === 'script' || kind === 'module' ? kind : undefined,
    timeoutMs: input.number('timeout-ms'),
    memoryMb: input.number('memory-mb'),
    runtime: RUNTIME_WORDS.find((word) => word === input.text('runtime')),
    tier: input.text('tier'),
    cordon: input.text('cordon'),
    env,
    capabilities: capabilities.length === 0 ? undefined : capabilities,
    requestBody: input.flag('stream-body') ? 'stream' : undefined,
    verifyJwt: input.flag('no-verify-jwt') ? false : undefined,
    trigger: triggerOf(input),
  };
}

function triggerOf(input: Input): Trigger | undefined {
  const event = input.text('event');
  const schedule = input.text('schedule');
  if (event !== undefined && schedule !== undefined)
    throw new UsageError('--event and --schedule exclude each other: a function has one trigger');
  if (event !== undefined) return { kind: 'event', pattern: event };
  return schedule === undefined ? undefined : { kind: 'cron', pattern: schedule };
}

async function outcomeOf(client: Client, planned: Planned, how: DeployHow, input: Input): Promise<Outcome> {
  const { name } = planned;
  try {
    const prepared = await planned.prepare();
    const view = await findFunction(client, name, how.tenant);
    const changes = differences(prepared, view === null ? null : deployedOf(view));
    if (!input.json) await writeLine(changesText(name, changes));
    if (input.flag('dry-run')) return { name, changes };
    const deployed = await deploy(client, prepared, how);
    if (!input.json) await writeLine(deployedText(deployed, client.url));
    return { name, changes, deployed };
  } catch (error) {
    // Of a file alone, and of what is not this function's doing, the command itself tells.
    if (!(error instanceof CliError) || input.text('name') !== undefined) throw error;
    if (!input.json) note(`cordon: ${name}: ${error.message}`);
    return { name, error: error.message };
  }
}

const COLOURS = { '+': 'green', '-': 'red', '~': 'yellow' } as const;

function changesText(name: string, changes: readonly Difference[]): string {
  if (changes.length === 0) return `${name}: neither its code nor its settings have changed`;
  return [`${name}:`, ...changes.map(({ sign, text }) => `  ${styled(COLOURS[sign], `${sign} ${text}`)}`)].join('\n');
}
