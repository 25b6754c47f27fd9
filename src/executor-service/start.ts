/**
 * The executor service: a composition of its own beside the server's. It has walls, tiers and a supervisor, and nothing else:
 * no database, no secrets, no egress. What functions ask for, their own host is asked.
 */

import { join } from 'node:path';
import { createCapabilities } from '../capabilities/registry.ts';
import type { Config } from '../config.ts';
import type { Capabilities } from '../core/capability.ts';
import type { FunctionVersion } from '../core/function.ts';
import { MAX_TIMEOUT_MS } from '../core/limits.ts';
import { StartError } from '../core/start-error.ts';
import type { Tier, TierName } from '../core/tier.ts';
import { UNKNOWN_WALL } from '../core/wall-level.ts';
import { listen, stopListening } from '../gateway/gateway.ts';
import { readTls, watchTls } from '../gateway/tls.ts';
import { createOutput } from '../observe/output.ts';
import { createLocalTiers } from '../runtime/tier-set.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { selectWall, type WallSelection } from '../walls/select.ts';
import { missingGuarantees } from '../walls/wall.ts';
import { callBack } from './call-back.ts';
import { ContentStore } from './content-store.ts';
import { RunCall } from './run-call.ts';
import type { RunHost, RunSandbox } from './run-session.ts';
import { createService } from './service.ts';

export interface RunningExecutorService {
  readonly url: string;
  /** The wall for functions that ask for none. */
  readonly tier: TierName;
  /** Those that work here. */
  readonly tiers: readonly TierName[];
  readonly wall: string | null;
  /** Takes no new calls, lets those that run finish, ends every child process. */
  close(): Promise<void>;
}

const DRAIN_MS = 10_000;
const CONTENT_BYTES = 256 * 1024 * 1024;
/** The order in which a wall is looked for where the operator names none: the strongest that needs no image. */
const PREFERENCE: readonly TierName[] = ['isolate', 'wasm', 'worker', 'container', 'microvm'];

/** Throws a {@link StartError} where nothing can be run here. */
export async function startExecutorService(config: Config): Promise<RunningExecutorService> {
  const { sharedKey } = config.remote;
  if (sharedKey === null)
    throw new StartError(
      'SANDBOX_RPC_TOKEN is not set, but an executor needs the same one as the host that it works for',
    );
  const output = createOutput(process.stdout);
  const line = (text: string): void => output.line(`[cordon] ${text}`);
  const sandboxes = new WeakMap<FunctionVersion, RunSandbox>();
  const walls = await wallOf(config);
  const local = createLocalTiers(config, walls, join(config.dataDir, 'cache'), relay(config, sharedKey));
  const { executorTier } = config.remote;
  // Where the operator names one, nobody who sends functions here can ask for a weaker one.
  const { tiers, failures } = await workingTiers(
    local.filter(({ name }) => executorTier === null || name === executorTier),
  );
  const names = tiers.map(({ name }) => name);
  const own = executorTier ?? PREFERENCE.find((name) => names.includes(name));
  if (own === undefined || !names.includes(own))
    throw new StartError(
      `The tier ${own ?? 'that is wanted'} does not work here: ${failures.join('; ') || 'it is not there'}`,
    );

  const supervisor = new Supervisor({
    ...config,
    tiers,
    wallLacks: (level) => (walls.wall === null ? UNKNOWN_WALL(level) : missingGuarantees(walls.wall, level)),
    whyNot: () => failures.join('; '),
    logs: { write: (version, invocation, entry) => sandboxes.get(version)?.writeLog(invocation, entry) },
    // How much each tenant may do is its own host's to say.
    tenantConcurrency: () => Infinity,
    report: line,
  });
  await supervisor.start();
  const host: RunHost = {
    invoker: supervisor,
    contents: new ContentStore(CONTENT_BYTES),
    tiers: { own, has: (name) => names.includes(name) },
    retire: (version) => supervisor.retire(version),
    sandboxes,
    report: line,
  };
  const tls = config.tls === null ? null : readTls(config.tls);
  const service = createService({ sharedKey, host, tls, maxTimeoutMs: MAX_TIMEOUT_MS });
  const { server } = service;
  const watch = config.tls === null ? null : watchTls({ files: config.tls, servers: [server], report: line });
  const { port } = await listen(server, config.port, config.host);
  const name = config.host.includes(':') ? `[${config.host}]` : config.host;
  let closing: Promise<void> | null = null;

  return {
    url: `${tls === null ? 'http' : 'https'}://${name}:${port}`,
    tier: own,
    tiers: names,
    wall: walls.wall?.name ?? null,
    close: () =>
      (closing ??= (async () => {
        watch?.close();
        service.drain();
        const stopped = stopListening(server);
        await supervisor.close(DRAIN_MS);
        service.close();
        server.closeAllConnections();
        await Promise.all([stopped, ...tiers.map((tier) => tier.close())]);
        output.flush();
      })()),
  };
}

function wallOf(config: Config): Promise<WallSelection> {
  const { first, last } = config.uidRange;
  return selectWall({
    unsafeNoOsSandbox: config.unsafeNoOsSandbox,
    uidRange: { first, count: last - first + 1 },
    minimumWall: config.minimumWall,
    workDir: join(config.dataDir, 'cache', 'walls'),
    ...(config.wall === null ? {} : { force: config.wall }),
  });
}

async function workingTiers(tiers: readonly Tier[]): Promise<{ tiers: Tier[]; failures: string[] }> {
  const working: Tier[] = [];
  const failures: string[] = [];
  for (const tier of tiers) {
    const probe = await tier.probe();
    if (probe.works) working.push(tier);
    else failures.push(`${tier.name}: ${probe.reason}. ${probe.cure}`);
  }
  return { tiers: working, failures };
}

/** What a function asks for, its own host is asked: on the stream that it came by, or by calling back. */
function relay({ remote }: Config, sharedKey: string): Capabilities {
  const nobody = createCapabilities({});
  const back = remote.executorAsks === 'callback' ? callBack(sharedKey, remote.selfUrl) : null;
  return {
    start(caller, call, sink) {
      const run = caller.call;
      if (!(run instanceof RunCall)) return nobody.start(caller, call, sink);
      return back?.serves(call) === true ? back.start(caller, call, sink) : run.ask(call, sink);
    },
  };
}
