/** A gateway on a real listener; what would run functions is a script of the test. */

import { once } from 'node:events';
import { request as send, type IncomingMessage } from 'node:http';
import { request as sendSecurely } from 'node:https';
import { BlockList } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Call, ResponseSink } from '../../src/core/invocation.ts';
import type { Route } from '../../src/core/route.ts';
import type { FunctionRouteOptions } from '../../src/gateway/function-route.ts';
import { createGateway, listen, type GatewayOptions } from '../../src/gateway/gateway.ts';
import { Origins, type OriginOptions } from '../../src/gateway/origin.ts';
import { makeVersion } from './calls.ts';

export interface Invoked {
  readonly version: FunctionVersion;
  readonly call: Call;
  readonly sink: ResponseSink;
}

export interface TestGateway {
  readonly port: number;
  /** In the order in which they came. */
  readonly invoked: readonly Invoked[];
  readonly routes: Map<string, Route>;
  readonly requests: readonly { readonly url: string; readonly status: number; readonly note: string | null }[];
  readonly reported: readonly unknown[];
  readonly server: ReturnType<typeof createGateway>;
  /** `host` is the Host header; the default is a host name of nobody. */
  call(path: string, options?: CallOptions): Promise<Answer>;
  close(): void;
}

export interface TestGatewayOptions {
  readonly routes?: readonly Route[];
  readonly origin?: Partial<OriginOptions>;
  readonly functions?: Partial<FunctionRouteOptions>;
  readonly gateway?: Partial<Pick<GatewayOptions, 'callbacks' | 'control' | 'tls' | 'isReady'>>;
  /** Default: 200 with the text `ok`. */
  answer?(invoked: Invoked): void;
}

export interface CallOptions {
  readonly method?: string;
  readonly host?: string;
  /** A list sends one header for each of its items. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly secure?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The code of the fault; undefined where there was none. */
  readonly fault: string | undefined;
}

/** A version that needs no more than a test says of it. */
export function someVersion(name: string, change: Partial<FunctionVersion> = {}): FunctionVersion {
  return {
    ...makeVersion(name),
    verifyJwt: true,
    cors: null,
    secrets: [],
    boundSecrets: [],
    tenant: 'default',
    ...change,
  };
}

export function routeTo(live: FunctionVersion | null, change: Partial<Route> = {}): Route {
  return {
    tenant: live?.tenant ?? 'default',
    name: live?.name ?? 'hello',
    live,
    canary: null,
    aliases: new Map(),
    active: true,
    publicDomain: null,
    ...change,
  };
}

export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const invoked: Invoked[] = [];
  const requests: { url: string; status: number; note: string | null }[] = [];
  const reported: unknown[] = [];
  const routes = new Map((options.routes ?? []).map((route) => [`${route.tenant}/${route.name}`, route]));
  const origins = new Origins({
    operatorHosts: ['operator.example'],
    domain: null,
    trustedProxies: new BlockList(),
    ...options.origin,
  });
  const onRequest = ({ url }: { readonly url: string }, status: number, _: number, note: string | null): void =>
    void requests.push({ url, status, note });
  const answer = options.answer ?? (({ sink }) => sink.complete(200, [], Buffer.from('ok')));
  let ids = 0;
  const server = createGateway({
    functions: {
      routes: {
        find: (tenant, name) => routes.get(`${tenant}/${name}`),
        domain: (host) => routes.values().find(({ publicDomain }) => publicDomain === host),
      },
      versionOf: async () => null,
      isSuspended: () => false,
      origins,
      invoker: {
        invoke(version, call, sink) {
          const one = { version, call, sink };
          invoked.push(one);
          answer(one);
        },
      },
      logs: { write: () => undefined },
      authenticate: () => {
        throw new Error('nobody is to be asked');
      },
      rates: null,
      redact: (_, value) => value,
      nextId: () => `id-${++ids}`,
      onRequest,
      report: (error) => reported.push(error),
      ...options.functions,
    },
    execute: {
      executions: {
        start() {
          throw new Error('nothing is to be executed');
        },
      },
      origins,
      open: true,
      maxBodyBytes: 1_000,
      authenticate: options.functions?.authenticate ?? (() => assertNever()),
      onError: () => undefined,
      onRequest,
    },
    origins,
    control: null,
    maxTimeoutMs: 10_000,
    tls: null,
    isReady: () => true,
    ...options.gateway,
  });
  const { port } = await listen(server, 0, '127.0.0.1');
  return {
    port,
    invoked,
    routes,
    requests,
    reported,
    server,
    call: (path, callOptions = {}) => callOnce(port, path, callOptions),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function callOnce(
  port: number,
  path: string,
  { method = 'GET', host = 'nobody.example', headers = {}, body, secure = false }: CallOptions,
): Promise<Answer> {
  const request = (secure ? sendSecurely : send)({
    port,
    host: '127.0.0.1',
    path,
    method,
    headers: { host, ...headers } as Record<string, string | string[]>,
    agent: false,
    ...(secure ? { rejectUnauthorized: false } : {}),
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const received = await text(response);
  return {
    status: response.statusCode as number,
    headers: response.headers,
    body: received,
    fault: response.headers['cordon-fault'] as string | undefined,
  };
}

/** What a call's headers say; null where it has none of that name. */
export function headerOf({ call }: Invoked, name: string): string | null {
  const at = call.headers.findIndex((header, i) => i % 2 === 0 && header === name);
  return at < 0 ? null : (call.headers[at + 1] as string);
}

function assertNever(): never {
  throw new Error('nobody is to be asked');
}
