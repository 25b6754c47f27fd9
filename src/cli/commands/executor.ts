/** `cordon executor`: runs functions for a Cordon on another host. */

import { environmentWithDotenv, forgetSecrets, loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { TIER_NAMES } from '../../core/tier.ts';
import type { Command } from '../command.ts';
import { stopSignal } from '../stop-signal.ts';
import { note, write } from '../terminal.ts';

/** Where an executor listens unless PORT says otherwise (seed 002). */
const DEFAULT_PORT = '8790';

interface RunningService {
  readonly url: string;
  readonly tier: string;
  readonly tiers: readonly string[];
  readonly wall: string | null;
  close(): Promise<void>;
}

/** `load`: only when the work begins, because the other commands need none of it. */
export function executorCommand(
  load: () => Promise<{ startExecutorService(config: Config): Promise<RunningService> }>,
): Command {
  return {
    name: 'executor',
    operands: '',
    summary: 'Run functions for a Cordon on another host',
    notes:
      'It needs SANDBOX_RPC_TOKEN, the same as the other host, and no database and no other secret. The other host finds it by\nFUNCTIONS_EXEC_URL. Settings come from the environment and the `.env` of the working directory; the options below win over both.',
    options: [
      { name: 'port', value: 'N', meaning: `PORT (default: ${DEFAULT_PORT})` },
      { name: 'host', value: 'ADDRESS', meaning: 'HOST (default: 127.0.0.1)' },
      { name: 'data-dir', value: 'FOLDER', meaning: 'CORDON_DATA_DIR (default: .cordon): caches only' },
      {
        name: 'tier',
        value: 'TIER',
        choices: TIER_NAMES.filter((name) => name !== 'remote'),
        meaning: 'CORDON_EXECUTOR_TIER: the wall for functions that say `remote` (default: the best that works here)',
      },
    ],
    examples: [
      ['SANDBOX_RPC_TOKEN=… cordon executor', `on http://127.0.0.1:${DEFAULT_PORT}`],
      ['SANDBOX_RPC_TOKEN=… cordon executor --host 0.0.0.0 --tier isolate', 'for another host, behind TLS'],
    ],
    async run(input) {
      input.words();
      const env = environmentWithDotenv(process.cwd());
      const config = loadConfig(
        {},
        {
          ...env,
          PORT: input.text('port') ?? (env['PORT']?.trim() || DEFAULT_PORT),
          ...given('HOST', input.text('host')),
          ...given('CORDON_DATA_DIR', input.text('data-dir')),
          ...given('CORDON_EXECUTOR_TIER', input.text('tier')),
        },
      );
      // No child, and no dump of the environment, is to have the key.
      forgetSecrets();
      const stop = stopSignal();
      const { startExecutorService } = await load();
      const service = await startExecutorService(config);
      const { url, tier, tiers, wall } = service;
      if (input.json) await write(`${JSON.stringify({ url, tier, tiers, wall })}\n`);
      else
        await write(
          `Cordon executor answers on ${url}\n  tier     ${tier} (here: ${tiers.join(', ')})\n  OS wall  ${wall ?? 'none'}\n`,
        );
      await stop;
      note('Stopping: what runs may finish. Press Ctrl-C again to stop at once.');
      await service.close();
      return 0;
    },
  };
}

const given = (name: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [name]: value };
