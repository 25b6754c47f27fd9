/** The listener of an executor service, with a real protocol; what would run functions is a script of the test. */

import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Call, ResponseSink } from '../../src/core/invocation.ts';
import { ContentStore } from '../../src/executor-service/content-store.ts';
import { createService, type Service } from '../../src/executor-service/service.ts';
import { listen, stopListening } from '../../src/gateway/gateway.ts';
import { SHARED_KEY } from './remote-tier.ts';

export interface ScriptedService {
  readonly url: string;
  readonly service: Service;
  readonly versions: readonly FunctionVersion[];
  readonly retired: readonly FunctionVersion[];
  readonly reported: readonly string[];
  /** As if its host had died. */
  die(): Promise<void>;
}

export interface Script {
  readonly port?: number;
  invoke?(version: FunctionVersion, call: Call, sink: ResponseSink): void;
}

/** By default every call is answered with the name of its function. */
export async function startScriptedService(script: Script = {}): Promise<ScriptedService> {
  const versions: FunctionVersion[] = [];
  const retired: FunctionVersion[] = [];
  const reported: string[] = [];
  const invoke =
    script.invoke ??
    ((version: FunctionVersion, call: Call, sink: ResponseSink) => {
      sink.complete(200, [], Buffer.from(version.name));
      call.settled?.();
    });
  const service = createService({
    sharedKey: SHARED_KEY,
    tls: null,
    maxTimeoutMs: 60_000,
    host: {
      invoker: {
        invoke(version, call, sink) {
          versions.push(version);
          invoke(version, call, sink);
        },
      },
      contents: new ContentStore(1_000_000),
      tiers: { own: 'isolate', has: (name) => name === 'isolate' },
      retire: (version) => retired.push(version),
      sandboxes: new WeakMap(),
      report: (line) => reported.push(line),
    },
  });
  const { port } = await listen(service.server, script.port ?? 0, '127.0.0.1');
  return {
    url: `http://127.0.0.1:${port}`,
    service,
    versions,
    retired,
    reported,
    async die() {
      const stopped = stopListening(service.server);
      service.close();
      service.server.closeAllConnections();
      await stopped;
    },
  };
}

export async function instanceOf(url: string): Promise<string> {
  const { instance } = (await (await fetch(`${url}/health`)).json()) as { instance: string };
  return instance;
}

export interface Knock {
  readonly status: number;
  readonly body: string;
  /** Of a stream that was opened. */
  readonly socket: Socket | null;
}

/** `POST /run`, as raw as a stranger would send it. */
export async function knock(url: string, headers: Readonly<Record<string, string>>): Promise<Knock> {
  const sent = request(`${url}/run`, {
    method: 'POST',
    agent: false,
    headers: { connection: 'Upgrade', upgrade: 'cordon-frames', ...headers },
  });
  sent.end();
  const upgraded = once(sent, 'upgrade') as Promise<[IncomingMessage, Socket]>;
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  const [response, socket] = await Promise.race([upgraded, answered]);
  for (const other of [upgraded, answered]) other.catch(() => undefined);
  if (socket !== undefined) return { status: response.statusCode ?? 0, body: '', socket };
  return { status: response.statusCode ?? 0, body: await text(response), socket: null };
}
