/** EmbeddedFetches: what one run fetches, by the embedder's own `fetch`. */

import type { FetchHead } from '../../core/egress.ts';
import { In, Out } from '../isolate/mailbox.ts';
import type { RecordReader } from '../executor/records.ts';

export interface FetchMailbox {
  post(message: string): void;
  /** Where in the next turn's buffers it will be. */
  beside(bytes: Uint8Array): number;
}

interface OpenFetch {
  readonly head: FetchHead;
  readonly aborted: AbortController;
  readonly chunks: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

const MAX_OPEN = 64;

export class EmbeddedFetches {
  readonly #fetch: ((request: Request) => Promise<Response>) | null;
  readonly #maxBytes: number;
  readonly #mailbox: FetchMailbox;
  readonly #open = new Map<number, OpenFetch>();

  constructor(fetch: ((request: Request) => Promise<Response>) | null, maxBytes: number, mailbox: FetchMailbox) {
    this.#fetch = fetch;
    this.#maxBytes = maxBytes;
    this.#mailbox = mailbox;
  }

  hear(call: number, { kind, meta, body }: RecordReader): void {
    if (kind === Out.ASK) return this.#begin(call, meta, body);
    const number = Number.parseInt(meta, 10);
    const open = this.#open.get(number);
    if (open === undefined) return;
    if (kind === Out.ASK_DATA && body !== null) {
      this.#add(call, number, open, body);
      this.#mailbox.post(`[${In.ANSWER_CREDIT},${call},${number},${body.length}]`);
    } else if (kind === Out.ASK_END) void this.#send(call, number, open);
    else if (kind === Out.ASK_CANCEL) this.#cancel(number, open);
  }

  end(): void {
    for (const [number, open] of this.#open) this.#cancel(number, open);
  }

  #begin(call: number, meta: string, body: RecordReader['body']): void {
    const [number, kind, bodyKind, head] = JSON.parse(meta) as [number, string, 0 | 1 | 2, FetchHead];
    if (kind !== 'fetch') return this.#fail(call, number, 'NOT_FOUND', `There is no capability ${kind} here`);
    if (this.#fetch === null) return this.#fail(call, number, 'EGRESS_BLOCKED', 'Nothing can be fetched here');
    if (this.#open.size >= MAX_OPEN) return this.#fail(call, number, 'THROTTLED', `${MAX_OPEN} fetches are open`);
    const open: OpenFetch = { head, aborted: new AbortController(), chunks: [], bytes: 0 };
    this.#open.set(number, open);
    if (body !== null) this.#add(call, number, open, body);
    if (bodyKind !== 2) void this.#send(call, number, open);
  }

  #add(call: number, number: number, open: OpenFetch, body: string | Uint8Array): void {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body);
    open.bytes += bytes.length;
    if (open.bytes <= this.#maxBytes) return void open.chunks.push(bytes);
    this.#cancel(number, open);
    this.#fail(call, number, 'BODY_TOO_LARGE', `A request body is larger than ${this.#maxBytes} bytes`);
  }

  #cancel(number: number, open: OpenFetch): void {
    this.#open.delete(number);
    open.aborted.abort();
  }

  async #send(call: number, number: number, open: OpenFetch): Promise<void> {
    const { head, aborted, chunks } = open;
    try {
      const request = new Request(head.url, {
        method: head.method,
        headers: pairsOf(head.headers),
        redirect: head.redirect,
        signal: aborted.signal,
        ...(chunks.length === 0 ? {} : { body: new Blob(chunks) }),
      });
      const response = await (this.#fetch as (request: Request) => Promise<Response>)(request);
      const body = await this.#read(response);
      if (!this.#open.delete(number)) return;
      const { status, statusText, url, redirected } = response;
      const reply = { status, statusText, url, redirected, headers: [...response.headers].flat() };
      this.#mailbox.post(`[${In.ANSWER_HEAD},${call},[${number},${JSON.stringify(reply)}]]`);
      if (body.length > 0) this.#mailbox.post(`[${In.ANSWER_DATA},${call},${number},${this.#mailbox.beside(body)}]`);
      this.#mailbox.post(`[${In.ANSWER_END},${call},${number}]`);
    } catch (error) {
      if (this.#open.delete(number)) this.#fail(call, number, 'UPSTREAM_FAILED', messageOf(error));
    }
  }

  async #read(response: Response): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > this.#maxBytes) throw new Error(`The response is larger than ${this.#maxBytes} bytes`);
      chunks.push(chunk as Uint8Array);
    }
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  #fail(call: number, number: number, code: string, message: string): void {
    this.#mailbox.post(`[${In.ANSWER_FAIL},${call},${JSON.stringify([number, code, message, {}])}]`);
  }
}

function pairsOf(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as string]);
  return pairs;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'The fetch failed');
