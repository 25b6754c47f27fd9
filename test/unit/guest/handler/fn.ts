/** A function behind the adapter, in a bare context. */

import assert from 'node:assert/strict';
import { bareContext } from '../web/bare.ts';
import type { BareContext, Foreign } from '../web/bare.ts';

export interface Sent {
  method?: string;
  url?: string;
  headers?: string[];
  body?: unknown;
  query?: unknown;
  reply?: 'http' | 'value';
  principal?: unknown;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Foreign;
}

const SPEC = {
  kind: 'module',
  name: 'handler',
  env: { NAME: 'bob' },
  functionName: 'greet',
  memoryMb: 128,
  responseBytes: 1000,
};

/** A function as its sandbox has it: `exports` is an expression, `load` runs before it. */
export class Fn {
  readonly context: BareContext = bareContext({ NAME: 'bob' });
  readonly aborts: ((reason: unknown) => void)[] = [];
  readonly handler: (incoming: object) => Foreign;
  /** Stands for the host, as the invocation asks it: kind, meta, body, listener. Null: the invocation is over. */
  ask: (...ask: Foreign[]) => Foreign = () => null;

  constructor(
    exports: string,
    { load = '', kind = 'module', name = 'handler' }: { load?: string; kind?: string; name?: string } = {},
  ) {
    this.context.run(load);
    this.handler = this.context.guest.resolveHandler(this.context.run(`(${exports})`), this.context.registered, {
      ...SPEC,
      kind,
      name,
    });
  }

  /** What the handler gives back, promise or not. */
  call({
    method = 'GET',
    url = 'http://localhost:3003/fn/greet',
    headers = [],
    body = null,
    query,
    reply = 'http',
    principal = null,
  }: Sent = {}): Foreign {
    return this.handler({
      method,
      url,
      headers,
      body,
      query,
      reply,
      principal,
      clientAddress: '203.0.113.9',
      invocationId: 'inv-1',
      remainingMs: () => 1234,
      waitUntil: (promise: unknown) => void this.context.waited.push(promise),
      onCancel: (abort: (reason: unknown) => void) => void this.aborts.push(abort),
      ask: (...ask: Foreign[]) => this.ask(...ask),
    });
  }

  async answer(sent?: Sent): Promise<Answer> {
    const { status, headers, body } = await this.call(sent);
    const pairs = Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i], headers[2 * i + 1]]);
    return { status, headers: Object.fromEntries(pairs), body };
  }

  async json(sent?: Sent): Promise<unknown> {
    return JSON.parse((await this.answer(sent)).body);
  }

  async fault(sent?: Sent): Promise<{ code: string; message: string }> {
    try {
      await this.call(sent);
    } catch (error) {
      assert.ok(error instanceof this.context.guest.AdapterFault, String(error));
      return error as { code: string; message: string };
    }
    throw assert.fail('there was no fault');
  }
}
