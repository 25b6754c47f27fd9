/**
 * Private server: a `cordon serve` that the suite has started for itself, in a process of its own, with the walls and tiers
 * of the deployment and everything else of the suite's choice. What it keeps is gone afterwards.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PrivateServerOptions {
  /** What starts the server when `--json` and more options follow. */
  readonly command: readonly [file: string, ...args: string[]];
  /** The deployment's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface PrivateServer {
  readonly url: string;
  readonly wall: string | null;
  readonly pid: number;
  readonly domain: string;
  readonly operatorToken: string;
  readonly jwtSecret: string;
  /** In its environment, and nowhere else. */
  readonly environmentSecret: string;
  readonly dataDir: string;
  output(): string;
  /** Of the server's own process, without its children; null when it is gone. */
  rssBytes(): Promise<number | null>;
  /** The exit code, once it has ended; undefined while it runs. */
  exit(): number | string | undefined;
  close(): Promise<void>;
}

const DOMAIN = 'attest.test';
const KEPT_OUTPUT = 2 * 1024 * 1024;

export async function startPrivateServer({ command, env }: PrivateServerOptions): Promise<PrivateServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'cordon-attest-'));
  const own = ownSettings(join(dataDir, 'data'));
  const [file, ...args] = command;
  const child = spawn(file, [...args, '--json', '--open-execute'], {
    cwd: dataDir,
    env: { ...without(env, UNSET), ...own.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = keptOutput(child);
  const ended = once(child, 'exit');
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const { url, wall } = await greetingOf(child, output);
    const { domain, operatorToken, jwtSecret, environmentSecret } = own;
    return {
      ...{ url, wall, domain, operatorToken, jwtSecret, environmentSecret, dataDir, output, close },
      pid: child.pid as number,
      rssBytes: () => rssOf(child.pid as number),
      exit: () => child.exitCode ?? child.signalCode ?? undefined,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Set to nothing they would mean something else. */
const UNSET: ReadonlySet<string> = new Set(['FUNCTIONS_FETCH_ALLOW', 'CORDON_URL']);

/** Blank is unset, whatever a `.env` says. */
const BLANK = [
  ...['CORDON_ADMIN_PORT', 'CORDON_DATABASE_URL', 'CORDON_MASTER_KEY', 'CORDON_MASTER_KEY_FILE'],
  ...['CORDON_PREVIOUS_MASTER_KEY_FILE', 'CORDON_TLS_CERT', 'CORDON_TLS_KEY', 'CORDON_JWKS_URL', 'CORDON_JWT_ISSUER'],
  ...['SUPABASE_JWT_SECRET', 'CORDON_FUNCTION_ENV', 'CORDON_TRUSTED_PROXIES', 'CORDON_EGRESS_ALLOW_PRIVATE'],
  ...[
    'CORDON_EGRESS_PROXY',
    'CORDON_FUNCTION_RATE',
    'CORDON_CLIENT_RATE',
    'CORDON_EXECUTE_OPEN',
    'CORDON_HOST_MEMORY_MB',
  ],
] as const;

function ownSettings(dataDir: string) {
  const [operatorToken, jwtSecret, environmentSecret] = [randomText(), randomText(), randomText()];
  const env: Record<string, string> = {
    ...Object.fromEntries(BLANK.map((name) => [name, ''])),
    HOST: '127.0.0.1',
    PORT: '0',
    CORDON_DATA_DIR: dataDir,
    CORDON_DOMAIN: DOMAIN,
    CORDON_OPERATOR_HOSTS: '127.0.0.1,localhost',
    CORDON_ADMIN_TOKEN: operatorToken,
    CORDON_JWT_SECRET: jwtSecret,
    CORDON_JWT_AUDIENCE: 'attest',
    CORDON_JWT_TENANT_CLAIM: 'tenant',
    CORDON_INVOKE_RATE: '100000',
    // Bombs are to go off soon, and beside each other.
    CORDON_EXECUTOR_MEMORY_MB: '192',
    CORDON_ACCESS_LOG: '0',
    ATTEST_HOST_SECRET: environmentSecret,
  };
  return { env, domain: DOMAIN, operatorToken, jwtSecret, environmentSecret };
}

const randomText = (): string => randomBytes(24).toString('base64url');

function without(env: Readonly<Record<string, string | undefined>>, names: ReadonlySet<string>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}

function keptOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text = (text + chunk).slice(-KEPT_OUTPUT)));
  return () => text;
}

/** Rejects with what the server said when it ended instead. */
async function greetingOf(child: ChildProcess, output: () => string): Promise<{ url: string; wall: string | null }> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('error', reject);
  child.once('close', () => reject(new Error(`the server did not start. It said:\n${output()}`)));
  child.stdout?.on('data', () => {
    const line = /^\{"url".*\}$/m.exec(output())?.[0];
    if (line !== undefined) resolve(line);
  });
  return JSON.parse(await promise) as { url: string; wall: string | null };
}

async function rssOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
