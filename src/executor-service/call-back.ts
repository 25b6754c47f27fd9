/**
 * CallBack: asks the host of an invocation by a request of its own, `POST SELF_URL/api/_internal/sandbox-rpc`, where what is
 * between the two hosts lets no stream through that both write to. The URL is this service's own setting.
 *
 * Both bodies begin with a meta: u32 length, little-endian, and JSON; the rest is the body of what is asked or answered.
 */

import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../core/capability.ts';
import { StartError } from '../core/start-error.ts';
import { framedMeta, MetaReader, SANDBOX_RPC_PATH, type SandboxRpcMeta } from '../core/sandbox-rpc.ts';
import { callbackToken } from '../wire/remote/callback-token.ts';
import { remoteKeys } from '../wire/remote/keys.ts';

export interface CallBack extends Capabilities {
  /** Whether it is one of the kinds that a request can carry: a question and an answer. */
  serves(call: CapabilityCall): boolean;
}

const KINDS: ReadonlySet<string> = new Set(['fetch', 'rpc']);
const SPARE_MS = 5_000;

/** Throws a {@link StartError} where there is nobody to call back. */
export function callBack(sharedKey: string, selfUrl: string | null): CallBack {
  if (selfUrl === null)
    throw new StartError('CORDON_EXECUTOR_ASKS is callback, but SELF_URL does not say which host to call back');
  const keys = remoteKeys(sharedKey);
  const url = new URL(SANDBOX_RPC_PATH, selfUrl);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return {
    serves: ({ kind }) => KINDS.has(kind),
    start(caller, call, sink) {
      const request = send(url, { method: 'POST', headers: { authorization: tokenFor(caller) } });
      return new BackAsk(request, call, sink);
    },
  };

  function tokenFor({ version, call }: CapabilityCaller): string {
    const { tenant, name, limits } = version;
    const claims = { invocation: call.id, tenant, functionName: name, audience: selfUrl as string };
    return callbackToken(keys, claims, Date.now() + limits.timeoutMs + SPARE_MS);
  }
}

const GONE: CapabilityRefusal = { code: 'UNAVAILABLE', message: 'the host that is asked did not answer' };

class BackAsk implements CapabilityExchange {
  readonly #request: ClientRequest;
  /** Null once it has heard its last word. */
  #sink: CapabilitySink | null;
  #response: IncomingMessage | null = null;

  constructor(request: ClientRequest, { kind, meta, hasBody }: CapabilityCall, sink: CapabilitySink) {
    this.#request = request;
    this.#sink = sink;
    request.on('error', () => this.#fail(GONE));
    request.on('response', (response) => this.#answered(response));
    request.write(framedMeta({ kind, meta, hasBody } satisfies SandboxRpcMeta));
    if (!hasBody) request.end();
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#sink === null || this.#request.write(chunk)) return true;
    this.#request.once('drain', onDrain);
    return false;
  }

  endBody(): void {
    if (!this.#request.writableEnded) this.#request.end();
  }

  resume(): void {
    this.#response?.resume();
  }

  cancel(): void {
    this.#sink = null;
    this.#request.destroy();
  }

  #answered(response: IncomingMessage): void {
    this.#response = response;
    if (response.statusCode !== 200) {
      response.resume();
      return this.#fail(GONE);
    }
    const reader = new MetaReader();
    response.on('data', (chunk: Buffer) => {
      try {
        const rest = reader.read(chunk, (meta) => this.#begin(meta));
        if (rest !== null && rest.length > 0 && this.#sink?.data(rest) === false) response.pause();
      } catch {
        this.#request.destroy();
        this.#fail(GONE);
      }
    });
    response.on('end', () => (reader.done ? this.#end() : this.#fail(GONE)));
    response.on('close', () => this.#fail(GONE));
  }

  /** `{ head }`, or `{ refusal }`. */
  #begin(meta: unknown): void {
    const { head, refusal } = (meta ?? {}) as { head?: unknown; refusal?: Partial<CapabilityRefusal> };
    if (refusal === undefined) return this.#sink?.head(head);
    this.#fail({ ...refusal, code: refusal.code ?? GONE.code, message: refusal.message ?? GONE.message });
  }

  #end(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }

  #fail(refusal: CapabilityRefusal): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(refusal);
  }
}
