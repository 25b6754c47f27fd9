/** A real workerd from npm, serving one worker on a Unix socket. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface WorkerdModule {
  readonly name: string;
  readonly kind: 'esModule' | 'wasm';
}

export interface Workerd {
  post(body: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** `modules` are files in the folder, the worker's own first. Resolves to a reason where the binary does not start here. */
export async function startWorkerd(folder: string, modules: readonly WorkerdModule[]): Promise<Workerd | string> {
  const socket = join(folder, 'http.sock');
  const config = join(folder, 'config.capnp');
  await writeFile(config, configOf(socket, modules));
  const binary = createRequire(import.meta.url).resolve('workerd/bin/workerd');
  const child = spawn(binary, ['serve', '--control-fd=3', config], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const listening = once(child.stdio[3] as Readable, 'data').then(() => null);
  const failed = Promise.race([once(child, 'error'), once(child, 'exit')]).then(
    () => `workerd does not start: ${said}`,
  );
  const reason = await Promise.race([listening, failed]);
  if (reason !== null) return reason;
  return { post: (body) => post(socket, JSON.stringify(body)), close: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function configOf(socket: string, modules: readonly WorkerdModule[]): string {
  const lines = modules.map(({ name, kind }) => `(name = "${name}", ${kind} = embed "${name}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "unix:${socket}", http = (), service = "main")],
);
const worker :Workerd.Worker = (modules = [${lines.join(', ')}], compatibilityDate = "2025-01-01");
`;
}

async function post(socketPath: string, body: string): Promise<unknown> {
  const sent = request({
    socketPath,
    method: 'POST',
    path: '/',
    headers: { 'content-length': Buffer.byteLength(body) },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  const chunks = await Array.fromAsync(response);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
