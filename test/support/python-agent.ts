/** The Python agent as a process of its own at the far end of a HostSession, without a wall, and versions for it. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Capabilities } from '../../src/core/capability.ts';
import { Fault } from '../../src/core/faults.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { LogEntry } from '../../src/core/invocation.ts';
import { AGENT_ENTRY, layOutPythonAgent, PYTHON_FLAGS } from '../../src/tiers/container/python-agent.ts';
import { HostSession } from '../../src/wire/session.ts';
import { makeVersion } from './calls.ts';
import { pythonArtifact, type PythonFiles } from './python-files.ts';
import { OpenSandbox } from './sandbox.ts';

/** Debian's, or another. */
export const PYTHON: string = process.env['CORDON_TEST_PYTHON'] ?? '/usr/bin/python3';
/** The distribution's packages, or another folder of such. */
export const DIST_PACKAGES: string = process.env['CORDON_TEST_PYTHON_PACKAGES'] ?? '/usr/lib/python3/dist-packages';

type Options = Partial<Omit<FunctionVersion, 'limits'>> & { readonly limits?: Partial<FunctionVersion['limits']> };

export interface PythonSandbox extends OpenSandbox {
  readonly agent: PythonAgentProcess;
}

export interface PythonAgentProcess {
  readonly session: HostSession;
  readonly child: ChildProcess;
  /** Lines with the invocation that they belong to. */
  readonly logs: { readonly invocation: string | null; readonly entry: LogEntry }[];
  /** Why its session ended before the test did. */
  readonly broken: string[];
  /** Resolves with its exit code and signal. */
  readonly exited: Promise<readonly [number | null, string | null]>;
  /** What it said on its own standard error before it had a function. */
  readonly said: () => string;
  /** Resolves with the first line, of now or later, that the condition holds for. */
  log(condition: (entry: LogEntry) => boolean): Promise<LogEntry>;
  /** Resolves when it has answered: what it had sent before is there, too. */
  heartbeat(): Promise<void>;
  stop(): Promise<void>;
}

export interface PythonAgents {
  /** Opens a function in an agent of its own. */
  open(files: string | PythonFiles, options?: Options, capabilities?: Capabilities): Promise<PythonSandbox>;
  /** An agent without a function. */
  start(capabilities?: Capabilities): Promise<PythonAgentProcess>;
}

/** For the tests of one file; all agents are gone after them. `launcher`: a command that starts another. */
export function pythonAgents(launcher: readonly string[] = []): PythonAgents {
  const started: PythonAgentProcess[] = [];
  let folder = '';
  let agent = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cordon-python-'));
    agent = await layOutPythonAgent(join(folder, 'cache'), PYTHON);
  });
  after(async () => {
    await Promise.all(started.map((each) => each.stop()));
    await rm(folder, { recursive: true, force: true });
  });
  const start = async (capabilities: Capabilities | null = null): Promise<PythonAgentProcess> => {
    const agentProcess = await startAgent(launcher, agent, await mkdtemp(join(folder, 'agent-')), capabilities);
    started.push(agentProcess);
    return agentProcess;
  };
  let count = 0;
  return {
    start,
    async open(files, options = {}, capabilities) {
      const agentProcess = await start(capabilities);
      const version = makeVersion(`p${++count}`, {
        tier: 'container',
        runtime: 'python',
        artifact: pythonArtifact(files),
        ...options,
      });
      return Object.assign(new OpenSandbox(agentProcess.session as never, version), { agent: agentProcess });
    },
  };
}

async function startAgent(
  launcher: readonly string[],
  agent: string,
  scratch: string,
  capabilities: Capabilities | null,
): Promise<PythonAgentProcess> {
  const path = join(scratch, 'host.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const [program, ...args] = [...launcher, PYTHON, ...PYTHON_FLAGS, join(agent, AGENT_ENTRY), path, scratch];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: {} });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  return session(socket, child, exited, () => said, capabilities);
}

async function session(
  socket: Socket,
  child: ChildProcess,
  exited: PythonAgentProcess['exited'],
  said: () => string,
  capabilities: Capabilities | null,
): Promise<PythonAgentProcess> {
  const logs: PythonAgentProcess['logs'] = [];
  const broken: string[] = [];
  const waiting: (() => void)[] = [];
  const ready = Promise.withResolvers<void>();
  const host = new HostSession(
    socket,
    {
      onReady: () => ready.resolve(),
      onBroken: (reason) => void broken.push(reason),
      onOverrun: (version) => void broken.push(`overrun of ${version.key}`),
      onLog: (_version, invocation, entry) => {
        logs.push({ invocation, entry });
        for (const look of waiting.splice(0)) look();
      },
      onClosed: () => undefined,
    },
    capabilities,
  );
  await ready.promise;
  return {
    session: host,
    child,
    logs,
    broken,
    exited,
    said,
    async log(condition) {
      for (;;) {
        const found = logs.find(({ entry }) => condition(entry));
        if (found !== undefined) return found.entry;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async heartbeat() {
      host.tick(performance.now());
      // Silent for no time: the last one was answered.
      do await new Promise((resolve) => setImmediate(resolve));
      while (host.tick(performance.now()) > 0);
    },
    async stop() {
      host.end(new Fault('SANDBOX_RECYCLED', 'The test is over'));
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Whether the distribution's package is installed. */
export const isInstalled = (name: string): boolean => existsSync(join(DIST_PACKAGES, name));
