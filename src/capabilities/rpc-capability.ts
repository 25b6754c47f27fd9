/**
 * Rpc capability: the {@link Rpc} behind the seam by which a sandbox asks: kind `rpc`, meta `{ "method": … }`, the body the
 * JSON of the params, the answer's body the JSON of the result. All of it is bounded, and ends with its invocation.
 */

import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilitySink,
} from '../core/capability.ts';
import type { Call } from '../core/invocation.ts';
import { MB } from '../core/limits.ts';
import { RpcError } from '../core/rpc.ts';
import type { Rpc } from '../core/rpc.ts';

/** JSON of the params. */
const MAX_PARAMS_BYTES: number = MB;
/** JSON of the result. */
export const MAX_RESULT_BYTES: number = 4 * MB;
/** Calls under way, of one invocation and of one tenant. */
const MAX_PER_INVOCATION = 32;
const MAX_PER_TENANT = 256;
const TIMEOUT_MS = 30_000;
const CHUNK_BYTES = 64 * 1024;

export interface RpcLimits {
  readonly timeoutMs?: number;
}

export function rpcCapability(rpc: Rpc, { timeoutMs = TIMEOUT_MS }: RpcLimits = {}): Capabilities {
  const invocations = new Counts<Call>(MAX_PER_INVOCATION, 'calls of one invocation');
  const tenants = new Counts<string>(MAX_PER_TENANT, "calls of the tenant's functions");
  return {
    start(caller, call, sink) {
      const leave: (() => void)[] = [];
      const exchange = new RpcExchange({ rpc, caller, sink, timeoutMs, onOver: () => leave.forEach((each) => each()) });
      try {
        leave.push(invocations.enter(caller.call));
        leave.push(tenants.enter(caller.version.tenant));
        exchange.begin(call);
      } catch (error) {
        exchange.failLater(error);
      }
      return exchange;
    },
  };
}

/** How many are under way for each key. */
class Counts<Key> {
  readonly #counts = new Map<Key, number>();
  readonly #max: number;
  readonly #what: string;

  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  /** Returns what to call at the end, once. Throws THROTTLED. */
  enter(key: Key): () => void {
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max)
      throw new RpcError('THROTTLED', `more than ${this.#max} ${this.#what} are under way at once`);
    this.#counts.set(key, count + 1);
    return () => {
      const left = (this.#counts.get(key) as number) - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    };
  }
}

interface RpcContext {
  readonly rpc: Rpc;
  readonly caller: CapabilityCaller;
  readonly sink: CapabilitySink;
  readonly timeoutMs: number;
  /** Called once, when the host does nothing for it any more. */
  onOver(): void;
}

class RpcExchange implements CapabilityExchange {
  readonly #context: RpcContext;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #method = '';
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** The params have ended, or nothing more of them is of use. */
  #ended = false;
  /** The guest hears nothing any more. */
  #silent = false;
  #left = false;
  #running = false;
  /** What is left of the result. */
  #rest: Buffer | null = null;

  constructor(context: RpcContext) {
    this.#context = context;
  }

  /** Throws an {@link RpcError}. */
  begin({ meta, hasBody }: CapabilityCall): void {
    this.#method = methodOf(meta);
    this.#timer = setTimeout(() => this.#onTimeout(), this.#context.timeoutMs).unref();
    if (!hasBody) queueMicrotask(() => this.endBody());
  }

  failLater(error: unknown): void {
    this.#ended = true;
    queueMicrotask(() => this.#fail(error));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= MAX_PARAMS_BYTES) {
      // What came of a socket may be used for something else as soon as this returns.
      this.#chunks.push(Buffer.from(chunk));
      return true;
    }
    this.#ended = true;
    this.#chunks = [];
    this.#fail(new RpcError('BAD_REQUEST', `what is sent may have at most ${MAX_PARAMS_BYTES} bytes of JSON`));
    return true;
  }

  endBody(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#silent) return;
    const text = Buffer.concat(this.#chunks).toString('utf8');
    this.#chunks = [];
    void this.#run(text);
  }

  resume(): void {
    if (!this.#silent) this.#send();
  }

  cancel(): void {
    this.#silent = true;
    this.#ended = true;
    this.#chunks = [];
    this.#rest = null;
    this.#abort.abort();
    if (!this.#running) this.#leave();
  }

  /** Its place is free again only when the service has returned: what was cancelled may still be at work. */
  async #run(text: string): Promise<void> {
    const { rpc, caller } = this.#context;
    this.#running = true;
    try {
      const params = paramsOf(text);
      this.#answer(await rpc.dispatch(caller, { method: this.#method, params }, this.#abort.signal));
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
      this.#leave();
    }
  }

  #answer(result: unknown): void {
    if (this.#silent) return;
    const body = Buffer.from(JSON.stringify(result ?? null), 'utf8');
    if (body.length > MAX_RESULT_BYTES)
      throw new RpcError('BAD_REQUEST', `the result has more than ${MAX_RESULT_BYTES} bytes: ask for less`);
    this.#stopTimer();
    this.#context.sink.head({});
    this.#rest = body;
    this.#send();
  }

  #send(): void {
    const { sink } = this.#context;
    while (this.#rest !== null) {
      const chunk = this.#rest.subarray(0, CHUNK_BYTES);
      const more = this.#rest.subarray(CHUNK_BYTES);
      this.#rest = more.length === 0 ? null : more;
      const hasRoom = sink.data(chunk);
      if (this.#rest === null) {
        this.#silent = true;
        return sink.end();
      }
      if (!hasRoom) return;
    }
  }

  #onTimeout(): void {
    this.#fail(new RpcError('UNAVAILABLE', `${this.#method} took longer than ${this.#context.timeoutMs} ms`));
    this.#abort.abort();
  }

  #fail(error: unknown): void {
    this.#stopTimer();
    if (!this.#running) this.#leave();
    if (this.#silent) return;
    this.#silent = true;
    const { code, message } =
      error instanceof RpcError ? error : new RpcError('INTERNAL', 'the host failed; its log has the reason');
    this.#context.sink.fail({ code, message });
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#stopTimer();
    this.#context.onOver();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Throws BAD_REQUEST. */
function methodOf(meta: unknown): string {
  const method = typeof meta === 'object' && meta !== null ? (meta as { method?: unknown }).method : undefined;
  if (typeof method === 'string' && method.length <= 100) return method;
  throw new RpcError('BAD_REQUEST', 'a call wants { "method": … }');
}

/** Null where nothing was sent. Throws BAD_REQUEST. */
function paramsOf(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RpcError('BAD_REQUEST', 'what is sent must be JSON');
  }
}
