/** `cordon serve`: the server, until it is told to stop. */

import { parseArgs } from 'node:util';
import { environmentWithDotenv, loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import type { RunningServer } from '../../runtime.ts';
import { UsageError } from '../command.ts';
import type { Command } from '../command.ts';

export const serveCommand: Command = {
  name: 'serve',
  usage: 'serve [options]',
  summary: 'Start the server',
  options: [
    ['--port N', 'PORT (default: 3003)'],
    ['--host ADDRESS', 'HOST (default: 127.0.0.1)'],
    ['--data-dir FOLDER', 'CORDON_DATA_DIR (default: .cordon)'],
    ['--open-execute', 'POST /execute needs no token, while HOST is a loopback address'],
    ['--unsafe-no-os-sandbox', 'Run functions even where no OS wall works: only for code that you trust'],
  ],
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        'data-dir': { type: 'string' },
        'open-execute': { type: 'boolean', default: false },
        'unsafe-no-os-sandbox': { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 0) throw new UsageError(`serve takes no ${JSON.stringify(positionals[0])}`);
    const config = loadConfig(
      { openExecute: values['open-execute'], ...(values['unsafe-no-os-sandbox'] ? { unsafeNoOsSandbox: true } : {}) },
      {
        ...environmentWithDotenv(process.cwd()),
        ...(values.port === undefined ? {} : { PORT: values.port }),
        ...(values.host === undefined ? {} : { HOST: values.host }),
        ...(values['data-dir'] === undefined ? {} : { CORDON_DATA_DIR: values['data-dir'] }),
      },
    );
    const stop = stopSignal();
    // Only now: the other commands need none of it.
    const { startServer } = await import('../../runtime.ts');
    const server = await startServer(config);
    process.stdout.write(greeting(server, config, values['open-execute']));
    await stop;
    process.stdout.write('Stopping: what runs may finish. Press Ctrl-C again to stop at once.\n');
    await server.close();
    return 0;
  },
};

/** One Ctrl-C arrives more than once: from the terminal, from npm, and from the launcher. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first signal; a second one ends the process at once, and with it every child that it walled. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (): void => {
      firstMs ??= performance.now();
      resolve();
      if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(130);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
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
