/** Ground: what is laid out on a server before the first attack, and taken away after the last. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Canary, Ground, Sent } from './attack.ts';
import type { HttpClient } from './http-client.ts';
import type { PrivateServer } from './private-server.ts';

export interface Server {
  readonly url: string;
  readonly operatorToken: string;
  /** Null: it runs already, and is not the suite's own. */
  readonly own: PrivateServer | null;
}

export interface LaidOut {
  readonly ground: Ground;
  /** Begins the name of everything that the suite makes on this server. */
  readonly prefix: string;
  /** Of a lane: its tenant, the host of its functions, and a token of an admin there. */
  attacker(lane: number): Promise<{ readonly tenant: string; readonly host: string; readonly token: string }>;
  remove(): Promise<void>;
}

const STEADY = 'steady';
const VAULT = 'vault';

/** Rejects with the server's own words where it refuses something. */
export async function layOut({ url, operatorToken, own }: Server, client: HttpClient): Promise<LaidOut> {
  const prefix = `attest-${randomBytes(3).toString('hex')}`;
  const operatorHost = new URL(url).host;
  const [greeting, logSecret, vaultSecret] = [randomText(), randomText(), randomText()];
  const canary = await startCanary();
  const tenant = own === null ? null : `${prefix}-victim`;
  const asOperator = (sent: Sent): Promise<Answer> =>
    client.send({ host: operatorHost, token: operatorToken, ...sent });
  const mustDo = async (sent: Sent): Promise<Answer> => {
    const answer = await asOperator(sent);
    if (answer.status < 300) return answer;
    throw new Error(`${sent.method ?? 'POST'} ${sent.path}: ${answer.status} ${answer.text.slice(0, 400)}`);
  };
  const hostOf = (name: string | null): string =>
    own === null || name === null ? operatorHost : `${name}.${own.domain}`;
  const nameOf = (name: string): string => (own === null ? `${prefix}-${name}` : name);
  const put = (name: string, code: string, more: object = {}): Promise<Answer> =>
    mustDo({
      path: `/api/v1/functions/${nameOf(name)}`,
      method: 'PUT',
      json: { ...(tenant === null ? {} : { tenant }), code, cordon: 'function', ...more },
    });
  if (tenant !== null) await mustDo({ path: '/api/v1/tenants', json: { name: tenant } });
  await put(STEADY, `export default { fetch: () => new Response(${JSON.stringify(greeting)}) }`);
  // The text of the log is put together when it runs, so that its source does not hold it.
  await put(
    VAULT,
    'export default { fetch(request, env) { console.log(env.FOR_THE_LOG); return new Response("locked"); } }',
    { env: { VAULT_KEY: vaultSecret, FOR_THE_LOG: logSecret } },
  );
  const victim = {
    tenant: tenant ?? 'default',
    host: hostOf(tenant),
    steady: nameOf(STEADY),
    greeting,
    vault: nameOf(VAULT),
  };
  await client.send({ path: `/fn/${victim.vault}`, host: victim.host });
  return {
    prefix,
    ground: {
      url,
      operatorHost,
      operatorToken,
      victim,
      canary,
      domain: own?.domain ?? null,
      jwtSecret: own?.jwtSecret ?? null,
      secrets: [
        ...[logSecret, vaultSecret, operatorToken, canary.text],
        ...(own === null ? [] : [own.environmentSecret, own.jwtSecret]),
      ],
      output: () => own?.output() ?? '',
    },
    async attacker(lane) {
      if (own === null) return { tenant: 'default', host: operatorHost, token: operatorToken };
      const name = `${prefix}-mallory${lane}`;
      await mustDo({ path: '/api/v1/tenants', json: { name } });
      const made = await mustDo({ path: '/api/v1/tokens', json: { name, tenant: name, role: 'admin' } });
      return { tenant: name, host: hostOf(name), token: (JSON.parse(made.text) as { token: string }).token };
    },
    async remove() {
      await canary.close();
      if (own !== null) return;
      for (const name of [victim.steady, victim.vault])
        await asOperator({ path: `/api/v1/functions/${name}`, method: 'DELETE' });
    },
  };
}

const randomText = (): string => randomBytes(18).toString('base64url');

/** A file that every user may read and a listener on loopback: a function that reaches one has left its wall. */
async function startCanary(): Promise<Canary & { readonly text: string; close(): Promise<void> }> {
  const text = randomText();
  const folder = await mkdtemp(join(tmpdir(), 'cordon-canary-'));
  const file = join(folder, 'canary.txt');
  await writeFile(file, text, { mode: 0o644 });
  let hits = 0;
  const server = createServer((socket) => {
    hits += 1;
    socket.on('error', () => undefined);
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    text,
    file,
    port: (server.address() as AddressInfo).port,
    hits: () => hits,
    async close() {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
