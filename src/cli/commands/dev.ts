/** `cordon dev`: serves a project on this machine, and deploys what changes in it, until Ctrl-C. */

import { join } from 'node:path';
import { environmentWithDotenv, loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { clientOf } from '../client.ts';
import type { Command } from '../command.ts';
import { PROJECT, ROOT, projectFolderOf, rootOf } from '../project-option.ts';
import { DevSession } from '../project/dev-session.ts';
import { readProject } from '../project/project.ts';
import { stopSignal } from '../stop-signal.ts';
import { note, write } from '../terminal.ts';
import { readEnvFile } from '../variables.ts';

/** The running server, as far as this command needs it. */
export interface DevServer {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminToken: string;
  close(): Promise<void>;
}

/** `start` and `stopped` for a test; the server itself writes the functions' lines of log to standard output. */
export function devCommand(
  start: (config: Config) => Promise<DevServer>,
  stopped: () => Promise<void> = stopSignal,
): Command {
  return {
    name: 'dev',
    operands: '',
    summary: 'Serve a project on this machine and deploy what changes, until Ctrl-C',
    notes: `The server has a data directory of its own (.cordon/dev in the project), whatever the environment says, and every function
belongs to the tenant default. Lines that functions log are printed. With --json the first line is one JSON object with the
addresses; what follows is the log.`,
    options: [
      { name: 'port', value: 'N', meaning: 'PORT (default: 3003)' },
      { name: 'env-file', value: 'FILE', meaning: 'Gives every NAME=VALUE of this file to every function' },
      {
        name: 'unsafe-no-os-sandbox',
        meaning: 'Run functions even where no OS wall works: only for code that you trust',
      },
      PROJECT,
      ROOT,
    ],
    examples: [
      ['cordon dev', 'the project in the working directory'],
      ['cordon dev --port 0 --env-file .env.local', 'on any port, with variables'],
    ],
    async run(input) {
      input.words();
      const folder = projectFolderOf(input);
      await readProject(folder);
      const envFile = input.text('env-file');
      const env = envFile === undefined ? {} : await readEnvFile(envFile);
      const config = configFor(folder, input.text('port'), input.flag('unsafe-no-os-sandbox'));
      const stop = stopped();
      const server = await start(config);
      const { url, adminUrl, adminToken } = server;
      await write(
        input.json ? `${JSON.stringify({ url, adminUrl, dataDir: config.dataDir })}\n` : greeting(url, config),
      );
      const client = clientOf(adminUrl, () => adminToken, config.dataDir);
      const session = new DevSession({ folder, root: rootOf(input), client, url, env, report: note });
      try {
        await session.start();
        await stop;
        note('Stopping: what runs may finish. Press Ctrl-C again to stop at once.');
      } finally {
        await session.close();
        await server.close();
      }
      return 0;
    },
  };
}

/** Nothing of a real installation: neither its data nor its database. */
function configFor(folder: string, port: string | undefined, unsafeNoOsSandbox: boolean): Config {
  return loadConfig(
    {
      dataDir: join(folder, '.cordon', 'dev'),
      openExecute: true,
      ...(unsafeNoOsSandbox ? { unsafeNoOsSandbox } : {}),
    },
    {
      ...environmentWithDotenv(folder),
      CORDON_DATABASE_URL: '',
      CORDON_MASTER_KEY: '',
      CORDON_MASTER_KEY_FILE: '',
      ...(port === undefined ? {} : { PORT: port }),
    },
  );
}

function greeting(url: string, { dataDir }: Config): string {
  return `Serving ${url}; Ctrl-C ends it. For other commands in another terminal:
  export CORDON_URL=${url} CORDON_DATA_DIR=${dataDir}
`;
}
