/** A real `cordon serve` in a child process, on a port of its own, with a data directory of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CLI: string = fileURLToPath(new URL('../../bin/cordon.js', import.meta.url));
export const ADMIN_TOKEN = 'a-token-for-tests-only';

export interface TestServer {
  readonly url: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** Everything the server has printed. */
  output(): string;
  /** Resolves with the first match of the pattern in what the server prints, now or later. */
  printed(pattern: RegExp): Promise<RegExpMatchArray>;
  deploy(name: string, code: string, options?: Record<string, unknown>): Promise<Response>;
  execute(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Stops it and removes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestServerOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dataDir?: string;
}

export async function startTestServer({
  args = ['--open-execute'],
  env = {},
  dataDir,
}: TestServerOptions = {}): Promise<TestServer> {
  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), 'cordon-test-')));
  const child = spawn(process.execPath, [CLI, 'serve', ...args], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', CORDON_DATA_DIR: dir, CORDON_ADMIN_TOKEN: ADMIN_TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = once(child, 'exit') as Promise<[number | null]>;

  async function printed(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = text.match(pattern);
      if (match !== null) return match;
      const more = Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]);
      const [ended] = await Promise.race([exited.then(() => [true]), more.then(() => [false])]);
      if (ended === true && text.match(pattern) === null) throw new Error(`the server ended; it had printed:\n${text}`);
    }
  }

  const [, url = ''] = await printed(/(http:\/\/[^\s]+:\d+)/);
  await printed(/deploy/);
  return {
    url,
    dataDir: dir,
    process: child,
    output: () => text,
    printed,
    deploy: (name, code, options = {}) =>
      fetch(`${url}/api/v1/functions/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
        body: JSON.stringify({ code, ...options }),
      }),
    execute: (body, headers = {}) =>
      fetch(`${url}/execute`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exited;
      return code;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await exited;
      }
      if (dataDir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Deploys, and fails the test with the server's own words where that is refused. */
export async function deployed(
  server: TestServer,
  name: string,
  code: string,
  options: Record<string, unknown> = {},
): Promise<string> {
  const response = await server.deploy(name, code, options);
  if (!response.ok) throw new Error(`deploying ${name}: ${response.status} ${await response.text()}`);
  return `${server.url}/fn/${name}`;
}
