/** `cordon serve`: the server, until it is told to stop. */

import { setFlagsFromString } from 'node:v8';
import { environmentWithDotenv, forgetSecrets, loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import type { RunningServer } from '../../runtime.ts';
import type { Command } from '../command.ts';
import { stopSignal } from '../stop-signal.ts';
import { note, write } from '../terminal.ts';

export const serveCommand: Command = {
  name: 'serve',
  operands: '',
  summary: 'Start the server',
  notes:
    'Settings come from the environment and the `.env` of the working directory; the options below win over both. With --json the\nfirst line is one JSON object with the addresses; what follows is the log.',
  options: [
    { name: 'port', value: 'N', meaning: 'PORT (default: 3003)' },
    { name: 'host', value: 'ADDRESS', meaning: 'HOST (default: 127.0.0.1)' },
    { name: 'data-dir', value: 'FOLDER', meaning: 'CORDON_DATA_DIR (default: .cordon)' },
    { name: 'open-execute', meaning: 'POST /execute needs no token, while HOST is a loopback address' },
    {
      name: 'unsafe-no-os-sandbox',
      meaning: 'Run functions even where no OS wall works: only for code that you trust',
    },
  ],
  examples: [
    ['cordon serve', 'on http://127.0.0.1:3003, with its data in .cordon'],
    ['cordon serve --port 8080 --data-dir /var/lib/cordon', 'elsewhere'],
  ],
  async run(input) {
    input.words();
    const config = loadConfig(
      {
        openExecute: input.flag('open-execute'),
        ...(input.flag('unsafe-no-os-sandbox') ? { unsafeNoOsSandbox: true } : {}),
      },
      {
        ...environmentWithDotenv(process.cwd()),
        ...given('PORT', input.text('port')),
        ...given('HOST', input.text('host')),
        ...given('CORDON_DATA_DIR', input.text('data-dir')),
      },
    );
    forgetSecrets();
    // Bodies pass through as buffers outside of the heap; V8 would mark all of it for every 64 MB of them, which was half
    // of what a streamed body cost the host.
    setFlagsFromString('--external-memory-accounted-in-global-limit');
    const stop = stopSignal();
    // Only now: the other commands need none of it.
    const { startServer } = await import('../../runtime.ts');
    const server = await startServer(config);
    if (input.json) await write(`${JSON.stringify(summaryOf(server))}\n`);
    else await write(greeting(server, config, input.flag('open-execute')));
    await stop;
    note('Stopping: what runs may finish. Press Ctrl-C again to stop at once.');
    await server.close();
    return 0;
  },
};

const given = (name: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [name]: value };

/** Without the token: this is what a log keeps. */
function summaryOf({ url, adminUrl, wall, tiers, adminTokenPath }: RunningServer): Record<string, unknown> {
  return { url, adminUrl, wall, tiers, adminTokenPath };
}

function greeting(server: RunningServer, config: Config, askedOpen: boolean): string {
  const lines = [
    `Cordon answers on ${server.url}`,
    ...(server.adminUrl === server.url ? [] : [`  operator API  ${server.adminUrl}`]),
    ...tierLines(server.tiers),
    `  OS wall       ${wallLine(server.wall)}`,
    `  /execute      ${executeLine(config, askedOpen)}`,
    `  admin token   ${tokenLine(server)}`,
    'Try it:  npx cordon deploy functions/hello.ts --name hello && npx cordon invoke hello && npx cordon logs hello',
  ];
  return `${lines.join('\n')}\n`;
}

function wallLine(wall: string | null): string {
  if (wall === null) return 'none can be had here, so functions are refused';
  return wall === 'none' ? 'none (unsafe: only for code that you trust)' : wall;
}

/** Tiers of which the same is to be said share a line. */
function tierLines(tiers: RunningServer['tiers']): string[] {
  const names = new Map<string, string[]>();
  for (const { name, probe } of tiers) {
    const line = probe.works ? `works: ${probe.detail}` : `does not work: ${probe.reason}. ${probe.cure}`;
    names.set(line, [...(names.get(line) ?? []), name]);
  }
  return [...names].map(([line, of], index) => `  ${(index === 0 ? 'tiers' : '').padEnd(14)}${of.join(', ')}: ${line}`);
}

function executeLine(config: Config, askedOpen: boolean): string {
  if (config.openExecute) return 'open without a token';
  if (askedOpen)
    return `needs the admin token: --open-execute counts on a loopback address only, and HOST is ${config.host}`;
  return 'needs the admin token';
}

/** A log file is no place for a secret, and a terminal needs to see it once. */
function tokenLine({ adminToken, adminTokenPath, firstStart }: RunningServer): string {
  if (adminTokenPath === null) return 'the one in CORDON_ADMIN_TOKEN';
  if (firstStart && process.stdout.isTTY) return `${adminToken}  (kept in ${adminTokenPath})`;
  return `in ${adminTokenPath}`;
}
