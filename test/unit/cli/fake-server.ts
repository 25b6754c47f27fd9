/** An operator API of scripted answers, which remembers what it was asked; and the command line, run against it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../../src/core/faults.ts';
import { problemOf } from '../../../src/core/problem.ts';
import type { FunctionView, VersionView } from '../../../src/cli/views.ts';

export const TOKEN = 'a-token-for-the-tests';

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

/** `METHOD /path` (without the query) → the answer's JSON, or a Fault, or both by a function. */
export type Answers = Readonly<Record<string, unknown>>;

export interface FakeServer {
  readonly url: string;
  readonly asked: Asked[];
  answers: Answers;
}

export async function startFakeServer(t: Pick<TestContext, 'after'>, answers: Answers = {}): Promise<FakeServer> {
  // oxlint-disable-next-line typescript/no-misused-promises -- what it throws fails the test
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const contentType = headers['content-type'];
    const isJson = contentType === 'application/json';
    const body: unknown = isJson ? await json(request) : await text(request);
    const asked = { method, url, authorization: headers.authorization, contentType, body };
    fake.asked.push(asked);
    const answer = answerTo(fake.answers, asked);
    if (answer instanceof Fault) {
      const problem = problemOf(answer);
      response.writeHead(problem.status, problem.headers).end(problem.body);
    } else if (answer instanceof Uint8Array || typeof answer === 'string') response.end(answer);
    else if (answer === null) response.writeHead(204).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const fake: FakeServer = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: [], answers };
  return fake;
}

function answerTo(answers: Answers, asked: Asked): unknown {
  const key = `${asked.method} ${asked.url.split('?')[0]}`;
  if (!Object.hasOwn(answers, key)) return new Fault('NOT_FOUND', `There is no ${key}`);
  const answer = answers[key];
  return typeof answer === 'function' ? (answer as (asked: Asked) => unknown)(asked) : answer;
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const BIN: string = fileURLToPath(new URL('../../../bin/cordon.js', import.meta.url));

/** `folder`: where it runs. Neither the environment nor a terminal of the test reaches it. */
export async function cordon(
  folder: string,
  url: string,
  args: readonly string[],
  { env = {}, input = '' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], CORDON_URL: url, CORDON_ADMIN_TOKEN: TOKEN, ...env },
  });
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

export function versionView(number: number, given: Partial<VersionView> = {}): VersionView {
  return {
    number,
    hash: String(number).repeat(64).slice(0, 64),
    tier: 'isolate',
    cordon: 'tenant',
    handler: 'handler',
    handlerKind: 'module',
    limits: { timeoutMs: 30_000, memoryMb: 128 },
    env: [],
    grant: null,
    requestBody: 'buffer',
    passAuthorization: false,
    verifyJwt: true,
    cors: null,
    egress: { allow: null, refusal: 'throw' },
    createdBy: 'operator',
    createdAt: '2026-11-21T00:00:00.000Z',
    ...given,
  };
}

export function functionView(name: string, given: Partial<FunctionView> = {}): FunctionView {
  return {
    tenant: 'default',
    name,
    active: true,
    trigger: { kind: 'http', pattern: null },
    publicDomain: null,
    live: versionView(1),
    canary: null,
    aliases: {},
    createdAt: '2026-11-21T00:00:00.000Z',
    updatedAt: '2026-11-21T00:00:00.000Z',
    ...given,
  };
}
