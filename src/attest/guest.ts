/** Guest: attacks from inside of a function, as data: what the function does, and what has to come of it. */

import {
  broken,
  held,
  must,
  shown,
  type Answer,
  type Attack,
  type AttackClass,
  type Deployed,
  type Evidence,
} from './attack.ts';
import type { TierName } from '../core/tier.ts';

/** Faults in which an attack on its own sandbox may end: whose doing it is, is clear, and the host goes on. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  ...['HANDLER_THREW', 'BAD_RESPONSE', 'RESPONSE_TOO_LARGE', 'TIMED_OUT', 'OUT_OF_MEMORY', 'LOAD_FAILED'],
  ...['HANDLER_MISSING', 'SANDBOX_RECYCLED', 'QUARANTINED'],
]);
const REFUSALS: ReadonlySet<string> = new Set([
  'COMPILE_FAILED',
  'HEALTH_CHECK_FAILED',
  'CODE_TOO_LARGE',
  'BAD_REQUEST',
  'LOAD_FAILED',
]);

export interface GuestAttack {
  readonly name: string;
  readonly class: AttackClass;
  readonly tiers: readonly TierName[];
  /** Statements of an async function with `request`, `env` and `ctx`. */
  readonly body: string;
}

/**
 * Reaching what is not the guest's: the body calls `hit(what)` for everything that it got hold of, and none may be called.
 * `compile(how, F)` is a hit where F makes a function of a text; `inspect(how, value)` where a value leads out of the realm.
 */
export function escape({ body, ...attack }: GuestAttack): Attack {
  return {
    ...attack,
    private: false,
    async run(lab) {
      const target = await lab.deploy(
        `${PRELUDE}\nexport default { async fetch(request, env, ctx) { try { await (async () => { ${body} })(); } catch (error) { ended(error); } return new Response(report()); } }`,
      );
      if (!target.ok) return refused(target.answer);
      const answer = await target.call({ headers: { 'x-probe': '1' } });
      if (answer.status !== 200) return endedWell(answer);
      const { escaped, threw } = JSON.parse(answer.text) as { escaped: string[]; threw: string };
      if (escaped.length > 0) return broken(`reached ${escaped.join(', ').slice(0, 300)}`);
      return held(`nothing was reached${threw === '' ? '' : `; it ended in ${threw}`}`);
    },
  };
}

export interface Exhaustion extends GuestAttack {
  /** The faults in which it may end; undefined: any of its own. */
  readonly faults?: RegExp;
  /** An answer is as good: the engine bounded it, or took it in its stride. */
  readonly mayAnswer?: boolean;
  /** Runs when the code is loaded: the deployment has to be refused. */
  readonly atLoad?: boolean;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 1_000;
/** Beyond its limit: for a kill, and for a busy machine. */
const SLACK_MS = 3_000;

/** Taking what was not granted: it ends in time and in the right fault, and the function can be called again. */
export function exhaust({
  body,
  faults,
  mayAnswer = false,
  atLoad = false,
  timeoutMs = TIMEOUT_MS,
  ...attack
}: Exhaustion): Attack {
  const allowed = (answer: Answer): boolean =>
    answer.status < 400 ? mayAnswer : (faults?.test(answer.code ?? '') ?? OWN_FAULTS.has(answer.code ?? ''));
  return {
    ...attack,
    private: false,
    async run(lab) {
      const target = await lab.deploy({ code: atLoad ? `${body}\nexport default () => 1` : calmable(body), timeoutMs });
      if (atLoad) return atLoadEvidence(target, timeoutMs + 2 * SLACK_MS * lab.slowness);
      if (!target.ok) return refused(target.answer);
      const answer = await target.call();
      const text = `${answer.code ?? answer.status} after ${Math.round(answer.tookMs)} ms`;
      if (!allowed(answer)) return broken(`${text}: ${answer.text.slice(0, 200)}`);
      if (answer.tookMs > timeoutMs + SLACK_MS * lab.slowness)
        return broken(`${text}, with a limit of ${timeoutMs} ms`);
      return again(target, text, lab.slowness);
    },
  };
}

/** A value to return or to throw, in `module` style: coded outcome, and the next request is served. */
export function result({ body, ...attack }: GuestAttack): Attack {
  return {
    ...attack,
    private: false,
    async run(lab) {
      const target = await lab.deploy(calmable(body));
      if (!target.ok) return refused(target.answer);
      const answer = await target.call();
      const text = `${answer.code ?? answer.status} after ${Math.round(answer.tookMs)} ms`;
      const fine = answer.code === null ? answer.status < 500 : OWN_FAULTS.has(answer.code);
      return fine
        ? again(target, answer.cut ? `${text}, then cut off` : text, lab.slowness)
        : broken(`${text}: ${answer.text.slice(0, 200)}`);
    },
  };
}

/**
 * Patching what our own code might use. `record` counts what reaches a patch while no code of the function's runs; the
 * requests that follow are answered as if nothing had happened.
 */
export function patch({ body, ...attack }: GuestAttack): Attack {
  return {
    ...attack,
    private: false,
    async run(lab) {
      const target = await lab.deploy(patched(body));
      if (!target.ok) return refused(target.answer);
      const seen: string[] = [];
      for (const wanted of ['first', 'second', 'third']) {
        const answer = await target.call({ method: 'POST', body: wanted, headers: { 'x-echo': wanted } });
        if (answer.status !== 201 || answer.headers['x-echo'] !== wanted)
          return broken(`answered ${shown(answer)} to the ${wanted}`);
        if (answer.text !== '[]') seen.push(answer.text);
      }
      return must(
        seen.length === 0,
        seen.length === 0
          ? 'answered as before; nothing of ours passed by'
          : `passed by: ${seen.join(' ').slice(0, 300)}`,
      );
    },
  };
}

/** Ended, and whose doing it was is said. */
function endedWell(answer: Answer): Evidence {
  return must(answer.status < 500 || OWN_FAULTS.has(answer.code ?? ''), `ended in ${shown(answer)}`);
}

function refused(answer: Answer): Evidence {
  return must(answer.status < 500 && REFUSALS.has(answer.code ?? ''), `refused at deploy: ${shown(answer)}`);
}

/** More than this much slower than a quiet machine, one may be too slow for a call that does nothing. */
const BUSY = 2;

/** A call may still meet the executor that ends of the attack; whoever is told to try again does. */
async function again(target: Deployed & { ok: true }, text: string, slowness: number): Promise<Evidence> {
  const isPassing = ({ status, headers, code }: Answer): boolean =>
    (status === 503 && headers['retry-after'] === undefined) || (code === 'TIMED_OUT' && slowness > BUSY);
  let answer = await target.call({ headers: { 'x-calm': '1' } });
  for (let i = 0; i < 3 && isPassing(answer); i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    answer = await target.call({ headers: { 'x-calm': '1' } });
  }
  if (answer.status === 200 && answer.text === 'calm') return held(`${text}; answers again`);
  const isLater = answer.status === 503 && answer.headers['retry-after'] !== undefined;
  return isLater ? held(`${text}; then ${shown(answer)}`) : broken(`${text}, but then ${shown(answer)}`);
}

function atLoadEvidence(target: Deployed, mostMs: number): Evidence {
  if (target.ok) return broken('it was deployed');
  const { tookMs } = target.answer;
  const evidence = refused(target.answer);
  return tookMs > mostMs ? broken(`${evidence.text}, but after ${Math.round(tookMs)} ms`) : evidence;
}

const calmable = (body: string): string =>
  `const keep = []; export default { async fetch(request, env, ctx) { if (request.headers.get('x-calm')) return new Response('calm');\n${body}\nreturn new Response('done'); } }`;

/** The function answers with what it kept from before the patch: whatever goes wrong after it is ours. */
const patched = (body: string): string => `
  const Res = Response, text = Request.prototype.text, get = Headers.prototype.get, apply = Reflect.apply, join = Array.prototype.join;
  const headersOf = Object.getOwnPropertyDescriptor(Request.prototype, 'headers').get, define = Object.defineProperty;
  let depth = 0, patched = false, found = [], count = 0;
  const record = (name) => { if (depth === 0 && count < 8) define(found, count++, { __proto__: null, value: name, writable: true, enumerable: true, configurable: true }); };
  const wrap = (owner, key, label) => {
    const slot = Object.getOwnPropertyDescriptor(owner, key);
    if (slot === undefined || !slot.configurable || typeof slot.value !== 'function') return;
    const original = slot.value;
    define(owner, key, { __proto__: null, ...slot, value: function (...args) { record(label + '.' + String(key)); return apply(original, this, args); } });
  };
  const wrapAll = (owner, label, skip = []) => { for (const key of Reflect.ownKeys(owner)) if (key !== 'constructor' && !skip.includes(key)) wrap(owner, key, label); };
  const install = () => { ${body} };
  export default { fetch(request) {
    depth = 1;
    try {
      const echo = apply(get, apply(headersOf, request, []), ['x-echo']);
      let said = '[';
      for (let i = 0; i < count; i++) said += (i > 0 ? ',' : '') + found[i];
      const response = new Res(said + ']', { __proto__: null, status: 201, headers: { __proto__: null, 'x-echo': echo } });
      if (!patched) { patched = true; install(); }
      return response;
    } finally { depth = 0; }
  } }`;

const PRELUDE = `
const escaped = [];
const hit = (what) => { escaped[escaped.length] = '' + what; };
let threw = '';
const ended = (error) => { try { threw = String(error).slice(0, 100); } catch { threw = 'what can not be shown'; } };
const report = ((stringify) => () => stringify({ escaped, threw }))(JSON.stringify);
const compile = (how, F) => {
  for (const make of [() => F('return 6*7'), () => new F('return 6*7'), () => F('yield 6*7')]) {
    try {
      let made = make();
      if (typeof made !== 'function') continue;
      const value = made();
      if (value === 42 || typeof value?.then === 'function' || value?.next?.().value === 42) hit(how + ' made a function of a text');
    } catch {}
  }
};
const OUTSIDE = ['process', 'require', 'mainModule', 'binding', 'isolate', 'applySync', 'applyIgnored', 'derefInto', 'Isolate', 'ExternalCopy', 'createContextSync'];
const inspect = (how, value) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  for (const name of OUTSIDE) { try { if (value[name] !== undefined) hit(how + '.' + name); } catch {} }
  let proto = value;
  for (let i = 0; i < 6 && proto; i++) {
    try { const C = proto.constructor; compile(how + ' constructor', C); compile(how + ' constructor constructor', C?.constructor); if (C?.constructor && C.constructor !== (() => {}).constructor) hit(how + ' is of another realm'); } catch {}
    try { proto = Object.getPrototypeOf(proto); } catch { break; }
  }
};
const caught = (f) => { try { f(); } catch (error) { return error; } };
const caughtLater = async (f) => { try { await f(); } catch (error) { return error; } };
`;
