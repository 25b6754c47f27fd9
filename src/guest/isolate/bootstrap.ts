/**
 * The isolate's bootstrap: everything of ours that runs inside a bare V8 isolate, before any user code.
 *
 * It evaluates to one function, the port, through which the executor does three things: load the user's exports, deliver
 * a turn of messages, and drain the records. The executor keeps the only reference to it; nothing of the port, and no
 * object of the executor's, is reachable from the global object.
 */

// First: what is evaluated later has its Promise.
import { rejections, then } from './context-promise.ts';
import { AdapterFault } from '../handler/adapter-fault.ts';
import { installHandlerGlobals, removeFromScripts } from '../handler/adapter.ts';
import type { HandlerSpec, Outgoing, Registered } from '../handler/incoming.ts';
import { harden, type Removed } from '../web/harden.ts';
import { installWeb, type WebControls } from '../web/index.ts';
import type { Ask, AskBody, AskListener } from '../web/host.ts';
import { listJson } from '../web/list-json.ts';
import { dictionary } from '../web/primordials.ts';
import { queueMicrotask } from '../web/timers.ts';
import type { CallMeta } from '../../wire/frames.ts';
import type { AskEngine, GuestAsk } from './asks.ts';
import { BodyPump } from './body-pump.ts';
import { BodySource } from './body-source.ts';
import { GuestCall } from './call.ts';
import { bindContext, currentCall, getStores, markBegun, runAs, setSolo, setStores, shareProgress } from './context.ts';
import { drainAgain, In, MAX_HEAD_UNITS, Out, Outbox, type MessageIn } from './mailbox.ts';
import { describeError } from './describe-error.ts';
import { GuestLog } from './guest-log.ts';
import { GuestServices } from './services.ts';
import { describe, Uncaught } from './uncaught.ts';
import { handlerOf, type CodeKind, type Handler } from './user-code.ts';
import { WasmGate } from './wasm-gate.ts';

interface LoadSpec extends HandlerSpec {
  readonly interleaves: boolean;
  readonly responseBytes: number;
  readonly logBytes: number;
  readonly pendingTimers: number;
  readonly codeGeneration: boolean;
}

/** The answer of code that has loaded and was not to be called. */
const LOADED: Outgoing = { status: 204, headers: [], body: null };

type FaultRecord = readonly [code: string, message: string, stack: string | null];

const NativePromise = Promise;
/** Where `await` is lowered, an async function takes six frames of a stack, of which its author is shown one. */
const STACK_FRAMES = 40;
const { defineProperty } = Object;
const { parse } = JSON;
const outbox = new Outbox();
/** Plain dictionaries: they have no prototype, so nothing that user code patches lies on the way to them. */
const calls: Record<number, GuestCall> = dictionary<GuestCall>();
const timerOwners: Record<number, GuestCall> = dictionary<GuestCall>();

let seed: Uint8Array = new Uint8Array(32);
let spec: LoadSpec;
let handler: Handler | null = null;
let loadFault: FaultRecord | null = null;
/** How often the isolate has been drained. */
let drains = 0;
/** What a classic script gave: the bundle's function, or the one around a body. */
let handedOver: unknown = null;
let registered: Registered;
const services = new GuestServices(outbox, (call) => calls[call.id] !== call);
const isHeard = (call: GuestCall): boolean => calls[call.id] === call || call.overIn === drains;
const log = new GuestLog(outbox, isHeard);
const writeLog = (level: string, message: string): void => log.write(level, message);
/** What was asked for and has begun to come in this turn. */
const unflushed = dictionary<GuestAsk>();
let unflushedCount = 0;

/** What a bundle's own versions of Node's modules need of the engine (`NodeServices` of guest/node). */
const nodeServices = {
  __proto__: null,
  env: {} as Readonly<Record<string, string>>,
  getStores,
  setStores,
  bindContext,
  wasmModule: (base64: string) => wasm.deployed(base64),
};

const removed: Removed = harden(globalThis);
const wasm = new WasmGate(removed.WebAssembly);
(Error as unknown as { stackTraceLimit: number }).stackTraceLimit = STACK_FRAMES;
const web: WebControls = installWeb(globalThis, {
  setTimer(id, delayMs) {
    const call = currentCall();
    if (call !== null) {
      timerOwners[id] = call;
      call.timers[id] = true;
    }
    outbox.put(Out.TIMER, id, `${delayMs}`, null);
  },
  clearTimer(id) {
    delete timerOwners[id]?.timers[id];
    delete timerOwners[id];
    outbox.put(Out.TIMER_CLEAR, id, '', null);
  },
  log: writeLog,
  heedUnload: () => outbox.put(Out.HEEDS_UNLOAD, 0, '', null),
  bindContext,
  seed: () => seed,
  ask,
  serve: (text, body, listener) => services.begin(liveCall(), text, body, listener),
  reportError: (error) => log.write('error', `Uncaught ${describe(error)}`),
});
const uncaught = new Uncaught(rejections, { web, isHeard, log: writeLog });
rejections.onHandled = ({ promise, reason, call }) =>
  runAs(call, () => queueMicrotask(() => web.handledLater(promise, reason)));

const askEngine: AskEngine = {
  outbox,
  makeStream: web.makeStream,
  encode: web.encode,
  flushLater: (waiting) => void (unflushed[unflushedCount++] = waiting),
};

/** The invocation that runs now, unless it is over. */
function liveCall(): GuestCall | null {
  const call = currentCall();
  return call === null || calls[call.id] !== call ? null : call;
}

/** Asks on behalf of the invocation that runs now. */
function ask(kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null {
  const call = liveCall();
  return call === null ? null : askFor(call, kind, meta, body, listener);
}

function askFor(call: GuestCall, kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null {
  return calls[call.id] === call ? call.asksWith(askEngine).begin(kind, meta, body, listener) : null;
}

function port(...args: unknown[]): unknown {
  // Not `args[0]` yet: where there is none, user code may have made an accessor of that index, and would be asked.
  if (args.length === 0) return drain();
  const first = args[0];
  web.newTurn();
  if (first === 'load') load(args[1] as string, args[2] as string, args[3] as ArrayBuffer, args[4] as ArrayBuffer);
  else if (first === 'start') start(args[1] as 'script', args[2]);
  else turn(args as [readonly [string], ...ArrayBuffer[]]);
  return undefined;
}

function drain(): unknown[] {
  if (uncaught.endTurn()) return drainAgain();
  if (wasm.isOver()) outbox.putLine(Out.OVER_MEMORY, 0, '');
  drains++;
  return outbox.drain();
}

/** One turn: every message is delivered, whatever the one before it did. */
function turn(args: readonly [readonly [string], ...ArrayBuffer[]]): void {
  uncaught.tell();
  const messages = parse(args[0][0]) as MessageIn[];
  for (let i = 0; i < messages.length; i++) deliver(messages[i] as MessageIn, args);
  if (unflushedCount > 0) flush();
}

function flush(): void {
  for (let i = 0; i < unflushedCount; i++) {
    unflushed[i]?.flush();
    delete unflushed[i];
  }
  unflushedCount = 0;
}

function deliver(message: MessageIn, args: readonly unknown[]): void {
  if (message[0] === In.CALL) return begin(message[1], message[2], message[3], args);
  if (message[0] === In.TIMER) return fireTimer(message[1]);
  const bytes = (index: number): Uint8Array => new Uint8Array(args[1 + index] as ArrayBuffer);
  if (message[0] === In.SERVICE) return services.deliver(message, bytes);
  if (message[0] === In.UNLOAD) return runAs(calls[message[1]] ?? null, () => web.beforeUnload(message[2]));
  const call = calls[message[1]];
  if (call === undefined) return;
  runAs(call, () => {
    if (message[0] === In.DATA) call.source?.push(bytes(message[2]));
    else if (message[0] === In.END) call.source?.end();
    else if (message[0] === In.CREDIT) call.pump?.credit(message[2]);
    else if (message[0] === In.CANCEL) cancel(call);
    else call.asks?.deliver(message, bytes);
  });
}

function begin(id: number, bodyRef: string | number | null, meta: CallMeta, args: readonly unknown[]): void {
  markBegun(id);
  const source = bodyRef === -1 ? bodyOf(id) : null;
  const body =
    source !== null
      ? source.stream
      : typeof bodyRef === 'number'
        ? (args[1 + bodyRef] as ArrayBuffer | string)
        : bodyRef;
  const call = new GuestCall(id, meta, body, source, settle, askFor);
  calls[id] = call;
  if (!spec.interleaves) setSolo(call);
  runAs(call, () => handle(call));
}

/** A request body that streams in. */
function bodyOf(id: number): BodySource {
  return new BodySource(web.makeStream, {
    consumed: (bytes) => outbox.put(Out.CREDIT, id, `${bytes}`, null),
    cancelled: () => undefined,
  });
}

function handle(call: GuestCall): void {
  if (handler === null) return fail(call, loadFault ?? ['LOAD_FAILED', 'The code did not finish loading', null]);
  if (call.reply === 'load') return answer(call, LOADED);
  try {
    const outgoing = handler(call);
    if (outgoing instanceof NativePromise)
      then(
        outgoing,
        (value) => answer(call, value as Outgoing),
        (error) => failWith(call, error),
      );
    else answer(call, outgoing);
  } catch (error) {
    failWith(call, error);
  }
}

function answer(call: GuestCall, outgoing: Outgoing): void {
  const { status, headers, body } = outgoing;
  if (body !== null && typeof body === 'object' && !(body instanceof Uint8Array))
    return answerStream(call, status, headers, body);
  if (body !== null && body.length > spec.responseBytes) {
    return fail(call, [
      'RESPONSE_TOO_LARGE',
      `The response body is larger than ${spec.responseBytes} bytes; stream it instead`,
      null,
    ]);
  }
  const list = headersText(call, headers);
  if (list === null) return;
  const settled = call.answered();
  outbox.put(Out.REPLY, call.id, `[${status},${list},${settled ? 1 : 0}]`, body);
  if (settled) forget(call);
}

function answerStream(call: GuestCall, status: number, headers: string[], body: ReadableStream): void {
  if (call.cancelled) return end(call);
  const list = headersText(call, headers);
  if (list === null) return;
  outbox.put(Out.HEAD, call.id, `[${status},${list},0]`, null);
  call.pump = new BodyPump(call, body, web.encode, {
    data: (chunk) => outbox.put(Out.DATA, call.id, '', chunk),
    end: () => {
      call.pump = null;
      outbox.put(Out.END, call.id, '', null);
      end(call);
    },
    fail: (error) => failWith(call, error),
  });
  call.pump.start();
}

/** As JSON; null where there is too much of it, and the call has failed. */
function headersText(call: GuestCall, headers: string[]): string | null {
  const text = listJson(headers);
  if (text.length <= MAX_HEAD_UNITS) return text;
  fail(call, ['BAD_RESPONSE', `The headers of the response are longer than ${MAX_HEAD_UNITS} characters`, null]);
  return null;
}

/** The outcome is out: settles the call now, or when what it waits for is done. */
function end(call: GuestCall): void {
  if (call.answered()) settle(call);
}

function settle(call: GuestCall): void {
  outbox.put(Out.SETTLED, call.id, '', null);
  forget(call);
}

function failWith(call: GuestCall, error: unknown): void {
  fail(call, faultOf(error, 'HANDLER_THREW'));
}

/** A fault ends the call at once: what it left running is dropped. */
function fail(call: GuestCall, fault: FaultRecord): void {
  if (calls[call.id] !== call) return;
  outbox.put(Out.FAULT, call.id, listJson(fault), null);
  forget(call);
  call.cancel();
}

/** The caller has gone, or the time is over: the handler is told, and nothing more is heard of the call. */
function cancel(call: GuestCall): void {
  call.cancel();
  if (calls[call.id] === call) settle(call);
}

function forget(call: GuestCall): void {
  delete calls[call.id];
  call.overIn = drains;
  setSoloIf(call);
  call.asks?.end();
  for (const timer in call.timers) dropTimer(Number(timer));
}

function dropTimer(id: number): void {
  delete timerOwners[id];
  web.dropTimer(id);
  outbox.put(Out.TIMER_CLEAR, id, '', null);
}

function setSoloIf(call: GuestCall): void {
  if (!spec.interleaves && currentCall() === call) setSolo(null);
}

function fireTimer(id: number): void {
  delete timerOwners[id]?.timers[id];
  delete timerOwners[id];
  web.fireTimer(id);
}

/** `load(handOver, spec, seed, progress)`: what the user's code may find when it is evaluated. */
function load(handOver: string, specText: string, seedBytes: ArrayBuffer, progress: ArrayBuffer): void {
  spec = parse(specText) as LoadSpec;
  nodeServices.env = spec.env;
  web.limitTimers(spec.pendingTimers);
  log.limit(spec.logBytes);
  if (spec.interleaves) rejections.open();
  wasm.allow(spec);
  if (spec.codeGeneration) removed.allowCodeGeneration();
  seed = new Uint8Array(seedBytes);
  shareProgress(new Int32Array(progress));
  registered = installHandlerGlobals(globalThis, spec.env, currentCall);
  if (spec.kind === 'script') removeFromScripts(globalThis);
  defineProperty(globalThis, handOver, {
    value: (given: unknown) => {
      delete (globalThis as Record<string, unknown>)[handOver];
      handedOver = given;
      // A module that is not a script has no other way to them.
      return nodeServices;
    },
    configurable: true,
  });
}

/**
 * `start(kind, value)`: evaluates the user's code inside our own try. `script` and `body` have handed over a
 * function that nobody has called yet, `module` is a namespace that has been evaluated, `failed` and `unparsed` are messages.
 */
function start(kind: CodeKind | 'failed' | 'unparsed', value: unknown): void {
  try {
    if (kind === 'failed' || kind === 'unparsed')
      loadFault = [kind === 'failed' ? 'LOAD_FAILED' : 'COMPILE_FAILED', value as string, null];
    else if (kind !== 'module' && typeof handedOver !== 'function')
      loadFault = ['LOAD_FAILED', 'The code ended before it was loaded', null];
    else handler = handlerOf(kind, kind === 'module' ? value : handedOver, nodeServices, registered, spec);
  } catch (error) {
    loadFault = faultOf(error, 'LOAD_FAILED');
  }
  wasm.loaded();
}

function faultOf(error: unknown, code: string): FaultRecord {
  if (error instanceof AdapterFault) return [error.code, error.message, null];
  const { message, stack } = describeError(error);
  return [code, message, stack];
}

export default port;
