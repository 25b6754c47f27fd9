/** NativeSandbox: one version in a whole Node: its handler, the invocations that run, and what each sends to the host. */

import { BodySender, type BodyFrames } from '../../wire/body.ts';
import type { FrameSender } from '../../wire/connection.ts';
import { CHUNK_BYTES, FrameType, type CallMeta, type OpenMeta } from '../../wire/frames.ts';
import { AdapterFault } from '../handler/adapter-fault.ts';
import { installHandlerGlobals, removeFromScripts, resolveHandler } from '../handler/adapter.ts';
import { bodyHandler } from '../handler/body-handler.ts';
import type { HandlerSpec, Incoming, Outgoing } from '../handler/incoming.ts';
import { MAX_HEAD_UNITS } from './asks.ts';
import { BodyPump, BodySource } from './body.ts';
import { NativeCall, type CallOwner } from './call.ts';
import { currentCall, runAs } from './context.ts';
import { describeError } from './describe-error.ts';
import { loadCode, NotCode } from './load.ts';

type FaultRecord = readonly [code: string, message: string, stack: string | null];
type Handler = (incoming: Incoming) => Promise<Outgoing> | Outgoing;

/** The answer of code that has loaded and was not to be called. */
const LOADED: Outgoing = { status: 204, headers: [], body: null };

export class NativeSandbox implements CallOwner {
  readonly sender: FrameSender;
  readonly #spec: HandlerSpec;
  readonly #meta: OpenMeta;
  readonly #calls = new Map<number, NativeCall>();
  #handler: Handler | null = null;
  #loadFault: FaultRecord = ['LOAD_FAILED', 'The code did not finish loading', null];

  constructor(sender: FrameSender, meta: OpenMeta) {
    this.sender = sender;
    this.#meta = meta;
    const { handler, handlerName, env, functionName, memoryMb, responseBytes } = meta;
    this.#spec = { kind: handler, name: handlerName, env, functionName, memoryMb, responseBytes };
  }

  /** Never rejects: why the code does not load is what its calls are told. */
  async load(code: string, scratch: string): Promise<void> {
    const registered = installHandlerGlobals(globalThis, this.#meta.env, currentCall);
    if (this.#meta.handler === 'script') removeFromScripts(globalThis);
    try {
      const loaded = await loadCode(this.#meta, code, scratch);
      this.#handler =
        loaded.kind === 'body'
          ? bodyHandler(loaded.body, registered, this.#spec)
          : resolveHandler(loaded.exports, registered, this.#spec);
    } catch (error) {
      this.#loadFault =
        error instanceof NotCode ? ['COMPILE_FAILED', error.message, null] : faultOf(error, 'LOAD_FAILED');
    }
  }

  has(call: number): boolean {
    return this.#calls.has(call);
  }

  /** The invocation that runs; of several, the one that began last. Null where none does. */
  get running(): NativeCall | null {
    let last: NativeCall | null = null;
    for (const call of this.#calls.values()) if (!call.isOver) last = call;
    return last;
  }

  begin(id: number, meta: CallMeta, whole: string | ArrayBuffer | null): void {
    const source = meta[1] === 2 ? this.#sourceOf(id) : null;
    const call = new NativeCall(id, meta, whole, source, this);
    this.#calls.set(id, call);
    runAs(call, () => this.#handle(call));
  }

  /** Takes one frame of a call; of one that is over there may be some under way. */
  receive(type: number, id: number, payload: Buffer): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    runAs(call, () => {
      if (type === FrameType.DATA) call.source?.push(payload);
      else if (type === FrameType.END) call.source?.end();
      else if (type === FrameType.CREDIT) call.credit(payload.readUInt32LE(0));
      else if (type === FrameType.CANCEL) this.#cancel(call);
      else call.answer(type, payload);
    });
  }

  settled(call: NativeCall): void {
    if (this.#calls.get(call.id) !== call) return;
    this.sender.send(FrameType.SETTLED, call.id);
    this.#forget(call);
  }

  /** An error that nobody caught: the outcome of the invocation that it belongs to, unless that has one. False if so. */
  failCurrent(error: unknown): boolean {
    const call = currentCall();
    if (call === null || call.isOver || call.isAnswered) return false;
    this.#fail(call, faultOf(error, 'HANDLER_THREW'));
    return true;
  }

  #sourceOf(id: number): BodySource {
    return new BodySource({
      consumed: (bytes) => {
        if (this.#calls.has(id)) this.sender.sendNumber(FrameType.CREDIT, id, bytes);
      },
      cancelled: () => undefined,
    });
  }

  #handle(call: NativeCall): void {
    if (this.#handler === null) return this.#fail(call, this.#loadFault);
    if (call.reply === 'load') return this.#answer(call, LOADED);
    try {
      const outgoing = this.#handler(call);
      if (outgoing instanceof Promise)
        outgoing.then(
          (value) => this.#answer(call, value),
          (error: unknown) => this.#failWith(call, error),
        );
      else this.#answer(call, outgoing);
    } catch (error) {
      this.#failWith(call, error);
    }
  }

  #answer(call: NativeCall, { status, headers, body }: Outgoing): void {
    if (call.isOver) return;
    if (body !== null && typeof body === 'object' && !(body instanceof Uint8Array))
      return this.#stream(call, status, headers, body);
    const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const most = this.#meta.responseBytes;
    if (bytes > most) {
      const message = `The response body has ${bytes} bytes, more than ${most}; stream it instead`;
      return this.#fail(call, ['RESPONSE_TOO_LARGE', message, null]);
    }
    if (bytes > CHUNK_BYTES) return this.#streamWhole(call, status, headers, body as string | Uint8Array);
    const list = this.#headersText(call, headers);
    if (list === null) return;
    call.isAnswered = true;
    const settled = call.isSettled;
    this.sender.sendMeta(FrameType.REPLY, call.id, `[${status},${list},${settled ? 1 : 0}]`, body);
    if (settled) this.#forget(call);
  }

  #stream(call: NativeCall, status: number, headers: string[], body: ReadableStream): void {
    const sender = this.#beginBody(call, status, headers);
    if (sender === null) return;
    try {
      call.pump = new BodyPump(body, sender, (error) => this.#failWith(call, error));
    } catch (error) {
      this.#failWith(call, error);
    }
  }

  /** What does not fit into one frame. */
  #streamWhole(call: NativeCall, status: number, headers: string[], body: string | Uint8Array): void {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    const hasLength = headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length');
    const list = hasLength ? headers : [...headers, 'content-length', `${bytes.length}`];
    const sender = this.#beginBody(call, status, list);
    sender?.write(bytes, () => undefined);
    sender?.end();
  }

  #beginBody(call: NativeCall, status: number, headers: string[]): BodySender | null {
    const list = this.#headersText(call, headers);
    if (list === null) return null;
    this.sender.sendMeta(FrameType.HEAD, call.id, `[${status},${list},0]`, null);
    const frames: BodyFrames = {
      sendData: (piece) => {
        if (!call.isOver) this.sender.sendBytes(FrameType.DATA, call.id, piece);
      },
      sendEnd: () => {
        if (call.isOver) return;
        this.sender.send(FrameType.END, call.id);
        call.isAnswered = true;
        if (call.isSettled) this.settled(call);
      },
    };
    const sender = new BodySender(frames);
    call.credit = (bytes) => sender.credit(bytes);
    return sender;
  }

  /** As JSON; null where there is too much of it, and the call has failed. */
  #headersText(call: NativeCall, headers: string[]): string | null {
    const text = JSON.stringify(headers);
    if (text.length <= MAX_HEAD_UNITS) return text;
    const message = `The headers of the response are longer than ${MAX_HEAD_UNITS} characters`;
    this.#fail(call, ['BAD_RESPONSE', message, null]);
    return null;
  }

  #failWith(call: NativeCall, error: unknown): void {
    this.#fail(call, faultOf(error, 'HANDLER_THREW'));
  }

  /** A fault ends the call at once: what it left running is dropped. */
  #fail(call: NativeCall, fault: FaultRecord): void {
    if (call.isOver || call.isAnswered) return;
    this.sender.sendMeta(FrameType.FAULT, call.id, JSON.stringify(fault), null);
    this.#forget(call);
    call.cancel();
  }

  /** The caller has gone, or the time is over: the handler is told, and nothing more is heard of the call. */
  #cancel(call: NativeCall): void {
    call.cancel();
    this.settled(call);
  }

  #forget(call: NativeCall): void {
    this.#calls.delete(call.id);
    call.end();
  }
}

function faultOf(error: unknown, code: string): FaultRecord {
  if (error instanceof AdapterFault) return [error.code, error.message, null];
  const { message, stack } = describeError(error);
  return [code, message, stack];
}
