import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';
import type { Foreign } from './bare.ts';

/** What user code may do to the language before anything of ours runs. */
const ATTACKS: Record<string, string> = {
  'Object.prototype has accessors named like a descriptor’s fields': `
    for (const name of ['get', 'set', 'value', 'writable', 'enumerable', 'configurable']) Object.prototype[name] = function () { throw new Error('reached'); };`,
  'Object.prototype has setters for everything we might assign': `
    for (const name of ['status', 'headers', 'body', 'run', 'type', 'callback', 'url', 'method', '0', '1', '2']) Object.defineProperty(Object.prototype, name, { set() { throw new Error('reached'); }, configurable: true });`,
  'Array.prototype is patched': `
    for (const name of ['push', 'map', 'join', 'sort', 'forEach', 'slice', 'indexOf', 'includes', 'concat', 'values', 'entries', 'some', 'reduce', 'filter']) Array.prototype[name] = function () { throw new Error('reached'); };
    for (const index of ['0', '1', '2', '3']) Object.defineProperty(Array.prototype, index, { set() { throw new Error('reached'); }, configurable: true });
    Array.prototype[Symbol.iterator] = function () { throw new Error('reached'); };`,
  'String, RegExp and Function prototypes are patched': `
    for (const name of ['slice', 'toLowerCase', 'toUpperCase', 'charCodeAt', 'indexOf', 'trim', 'split', 'replace', 'toWellFormed']) String.prototype[name] = function () { throw new Error('reached'); };
    for (const name of ['exec', 'test']) RegExp.prototype[name] = function () { throw new Error('reached'); };
    for (const name of ['call', 'apply', 'bind']) Function.prototype[name] = function () { throw new Error('reached'); };`,
  'Map, Set, WeakMap and JSON are patched': `
    for (const kind of [Map, Set, WeakMap]) for (const name of ['get', 'set', 'has', 'add', 'delete', 'forEach']) kind.prototype[name] = function () { throw new Error('reached'); };
    JSON.parse = JSON.stringify = () => { throw new Error('reached'); };`,
  'the constructors and namespaces are gone': `
    for (const name of ['Object', 'Array', 'String', 'Number', 'Promise', 'Map', 'Set', 'WeakMap', 'JSON', 'Math', 'Reflect', 'Symbol', 'TypeError', 'RangeError', 'Error', 'Uint8Array', 'ArrayBuffer', 'DataView', 'Date', 'RegExp', 'Proxy', 'decodeURIComponent']) delete globalThis[name];`,
};

suite('after user code has patched the language', () => {
  for (const [title, attack] of Object.entries(ATTACKS)) {
    test(`${title}: requests, responses, timers and the console go on`, async () => {
      const { run, guest, registered, lines, timers, controls } = bareContext({ A: '1' });
      // Lazy modules are the user's own to break; these are there before the attack.
      run(
        `console.log('before'); new URL('http://localhost/?a=1').searchParams; new TextEncoder(); atob(''); new AbortController(); [Headers, Request, Response];`,
      );
      const module = run(
        `({ default: { fetch(request, env, ctx) { console.log(request.method, { seen: request.headers.get('x-a') }); ctx.waitUntil(0); setTimeout(() => { console.log('timer'); }, 5); return new Response(request.url + env.A, { status: 201, headers: { 'X-B': request.headers.get('x-a') } }); } } })`,
      );
      const lambda = run(
        `({ handler: (event) => ({ statusCode: 202, headers: { a: event.headers['x-a'] }, body: { q: event.queryStringParameters.a, b: event.body.c } }) })`,
      );
      const later = run(
        `({ default: async (req) => ({ text: await req.text(), q: req.query.a, h: req.headers['x-a'] }) })`,
      );
      const spec = {
        kind: 'module',
        name: 'handler',
        env: { A: '1' },
        functionName: 'f',
        memoryMb: 1,
        responseBytes: 1000,
      };
      const incoming = {
        method: 'POST',
        url: 'http://localhost:3003/fn/f?a=b',
        headers: ['X-A', 'v'],
        body: '{"c":"d"}',
        query: undefined,
        principal: null,
        clientAddress: '1.2.3.4',
        invocationId: 'i',
        reply: 'http',
        remainingMs: () => 1,
        waitUntil: () => {},
        onCancel: () => {},
      };
      const [first, second, third] = [module, lambda, later].map((exports) =>
        guest.resolveHandler(exports, registered, spec),
      );
      run(attack);

      const answer = first(incoming);
      assert.deepEqual(
        [answer.status, answer.headers[0], answer.headers[1], answer.body],
        [201, 'x-b', 'v', 'http://localhost:3003/fn/f?a=b1'],
      );
      const event = second(incoming);
      assert.deepEqual([event.status, event.headers[1], event.body], [202, 'v', '{"q":"b","b":"d"}']);
      const value = await third(incoming);
      assert.equal(value.body, '{"text":"{\\"c\\":\\"d\\"}","q":"b","h":"v"}');
      for (const id of timers.keys()) controls.fireTimer(id);
      assert.deepEqual(
        lines.map(({ message }) => message),
        ['before', `POST { seen: 'v' }`, 'timer'],
      );
    });
  }

  for (const [title, attack] of Object.entries(ATTACKS)) {
    test(`${title}: events, clones, channels, marks, parameters and tables go on`, () => {
      const { run, lines, timers, controls, errors } = bareContext();
      run(`var kept = {}, target = new EventTarget(), stop = new AbortController(), both = new MessageChannel(), url = new URL('https://a.b/c?d=1#e'), params = url.searchParams;
        structuredClone(1); performance.mark('start', { startTime: 1 }); new DOMException(); new CustomEvent('x'); addEventListener('error', () => {}); console.table([{ a: 1 }]); params.set('d', 2);
        both.port2.onmessage = function (e) { kept.message = e.data.x; };
        target.addEventListener('mine', function (e) { kept.heard = e.detail; throw 'from the listener'; }); stop.signal.addEventListener('abort', function (e) { kept.aborted = stop.signal.reason; });`);
      lines.length = 0;
      run(attack);

      run(`var copy = structuredClone({ a: { b: 'c' } }); kept.copy = copy.a.b;
        both.port1.postMessage({ x: 'sent' }); stop.abort('why'); target.dispatchEvent(new CustomEvent('mine', { detail: 'told' }));
        params.append('f', 'g h'); params.delete('d'); kept.href = url.href; kept.value = params.get('f');
        kept.duration = performance.measure('m', { start: 'start', duration: 5 }).duration; kept.count = performance.getEntriesByType('mark').length;
        kept.code = new DOMException('m', 'AbortError').code; console.table({ r: { c: 1 } }); console.count();`);
      for (const id of timers.keys()) controls.fireTimer(id);
      assert.equal(
        run(
          `kept.copy + kept.message + kept.aborted + kept.heard + kept.href + kept.value + kept.duration + kept.count + kept.code`,
        ),
        'csentwhytoldhttps://a.b/c?f=g+h#eg h5120',
      );
      assert.deepEqual(errors, ['from the listener']);
      assert.deepEqual(
        lines.map(({ message }) => message),
        ['(index) | c\n--------+--\nr       | 1', 'default: 1'],
      );
    });
  }

  for (const [value, body] of [
    [`'value'`, '"value"'],
    [`new Response('value')`, 'value'],
    [`({ statusCode: 200, body: 'value' })`, 'value'],
  ]) {
    test(`a patched then neither sees nor breaks what becomes of ${value}`, async () => {
      const { run, guest, registered } = bareContext();
      const spec = { kind: 'module', name: 'handler', env: {}, functionName: 'f', memoryMb: 1, responseBytes: 1000 };
      run(`var gate; var opened = new Promise((resolve) => { gate = resolve; })`);
      const handler = guest.resolveHandler(run(`({ default: () => opened })`), registered, spec);
      run(`gate(${value})`);
      run(`var calls = 0;
        Promise.prototype.then = function () { calls++; return 'broken'; };
        Object.prototype.then = function (resolve) { calls++; resolve('hijacked'); };`);
      const incoming = { method: 'GET', url: '/', headers: [], body: null, query: undefined, reply: 'http' };
      // Not awaited here: our own await would look for `then` on the result.
      const seen = await new Promise<unknown>((resolve) => {
        const then = Promise.prototype.then;
        const show = ({ status, body: sent }: Foreign): void => resolve([status, sent]);
        void Reflect.apply(then, handler(incoming), [show]);
      });
      assert.deepEqual(seen, [200, body]);
      assert.equal(run('calls'), 0);
    });
  }

  test('private state is out of reach', () => {
    const { run } = bareContext();
    for (const code of [
      `new Response('x')`,
      `new Request('http://a/')`,
      `new Headers({ a: 1 })`,
      `new AbortController().signal`,
      `new URL('http://a/')`,
      `crypto`,
    ]) {
      assert.deepEqual(plain(run(`Reflect.ownKeys(${code}).map(String)`)), [], code);
    }
    // The standard has this one on the event itself, where nothing can take its place.
    assert.deepEqual(plain(run(`Reflect.ownKeys(new Event('a')).map(String)`)), ['isTrusted']);
    for (const code of [
      `Headers.prototype.get.call({}, 'a')`,
      `Object.getOwnPropertyDescriptor(Response.prototype, 'status').get.call({})`,
      `AbortController.prototype.abort.call({})`,
    ]) {
      assert.throws(() => run(code), { name: 'TypeError' }, code);
    }
  });
});
