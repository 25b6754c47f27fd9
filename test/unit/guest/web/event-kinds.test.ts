import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

suite('the kinds of Event', () => {
  const { run } = bareContext();

  test('each carries what it was given, and has its defaults', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const e = new ErrorEvent('error', { message: 'm', filename: 'f', lineno: 1.9, colno: -1, error: 7 });
          const m = new MessageEvent('message', { data: [1], origin: 'o', lastEventId: 'l', ports: new Set() });
          const p = Promise.resolve();
          const r = new PromiseRejectionEvent('unhandledrejection', { promise: p, reason: 'why', cancelable: true });
          const bare = new MessageEvent('message');
          return [e.message, e.filename, e.lineno, e.colno, e.error, new ErrorEvent('x').message, m.data, m.origin, m.lastEventId, m.ports, Object.isFrozen(m.ports), bare.data, bare.source, r.promise === p, r.reason, r.cancelable, r instanceof Event];
        })()`),
      ),
      ['m', 'f', 1, 2 ** 32 - 1, 7, '', [1], 'o', 'l', [], true, null, null, true, 'why', true, true],
    );
  });

  test('what they can’t be made of is a TypeError', () => {
    for (const code of [
      `new Event()`,
      `new Event('x', 5)`,
      `new CustomEvent()`,
      `new PromiseRejectionEvent('x')`,
      `new PromiseRejectionEvent('x', {})`,
      `new MessageEvent('x', { source: 5 })`,
      `new MessageEvent('x', { ports: [5] })`,
      `new MessageEvent('x', { ports: 5 })`,
      `Event('x')`,
      `Object.getOwnPropertyDescriptor(ErrorEvent.prototype, 'message').get.call(new Event('x'))`,
    ])
      assert.throws(() => run(code), { name: 'TypeError' }, code);
  });

  test('an event can be made anew, but not while it is dispatched', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const e = new CustomEvent('a', { detail: 1 }); e.initCustomEvent('b', true, true, 2);
          const seen = [e.type, e.bubbles, e.cancelable, e.detail];
          const t = new EventTarget(); t.addEventListener('b', () => { e.initCustomEvent('c'); e.initEvent('c'); seen.push(e.type); });
          t.dispatchEvent(e); e.returnValue = false; e.cancelBubble = true;
          return [...seen, e.defaultPrevented, e.returnValue, e.cancelBubble];
        })()`),
      ),
      ['b', true, true, 2, 'b', true, false, true],
    );
  });

  test('capturing listeners hear first, and may keep the others from hearing', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const seen = []; const t = new EventTarget();
          t.addEventListener('a', () => seen.push('bubble')); t.addEventListener('a', () => seen.push('capture'), true);
          t.dispatchEvent(new Event('a'));
          t.addEventListener('a', (e) => e.stopPropagation(), { capture: true });
          t.dispatchEvent(new Event('a'));
          return seen;
        })()`),
      ),
      ['capture', 'bubble', 'capture'],
    );
  });

  test('only the platform’s own events are trusted, and nobody can say otherwise', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const seen = []; const c = new AbortController(); let kept;
          c.signal.addEventListener('abort', (e) => { seen.push(e.isTrusted); kept = e; }); c.abort();
          const mine = new Event('abort'); seen.push(mine.isTrusted);
          new EventTarget().dispatchEvent(kept); seen.push(kept.isTrusted);
          try { Object.defineProperty(mine, 'isTrusted', { value: true }); } catch { seen.push('refused'); }
          return seen;
        })()`),
      ),
      [true, false, false, 'refused'],
    );
  });
});

suite('the global object as an EventTarget', () => {
  test('an error that nobody caught is told to listeners, and to the host unless one prevents it', () => {
    const { run, errors, timers, controls } = bareContext();
    run(`var seen = []; addEventListener('error', (e) => { seen.push(e.error.message, e.message, e.target === globalThis, e.isTrusted); });
      setTimeout(() => { throw new Error('mine'); })`);
    for (const id of timers.keys()) controls.fireTimer(id);
    assert.deepEqual(plain(run('seen')), ['mine', 'Uncaught Error: mine', true, true]);
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['mine'],
    );
    run(`seen.length = 0; addEventListener('error', (e) => e.preventDefault()); reportError(new Error('second'))`);
    assert.equal(run('seen[0]'), 'second');
    assert.equal(errors.length, 1);
  });

  test('the place of an error is that of its first frame', () => {
    const { run } = bareContext();
    run(`var place; onerror = (message, file, line, column, error) => { place = [message, file, line, column > 0, error.message]; return true; };
\n\nreportError(new TypeError('here'))`);
    assert.deepEqual(plain(run('place')), ['Uncaught TypeError: here', 'function.js', 4, true, 'here']);
  });

  test('onerror returns true to prevent; it is one listener, which can be exchanged', () => {
    const { run, errors } = bareContext();
    run(
      `var seen = []; onerror = () => { seen.push('old'); }; onerror = () => { seen.push('new'); return true; }; reportError(1)`,
    );
    assert.deepEqual(plain(run(`[seen, typeof onerror]`)), [['new'], 'function']);
    assert.equal(errors.length, 0);
    run(`onerror = null; reportError(2)`);
    assert.deepEqual(errors, [2]);
    assert.equal(run(`onerror`), null);
  });

  test('what an error listener throws goes to the host, and around no circle', () => {
    const { run, errors } = bareContext();
    run(`addEventListener('error', () => { throw 'from the listener'; }); reportError('first')`);
    assert.deepEqual(errors, ['from the listener', 'first']);
  });

  test('an error that can’t be read is reported all the same', () => {
    const { run, errors } = bareContext();
    run(`var n = 0; addEventListener('error', () => n++);
      reportError({ toString() { throw 1; }, get stack() { throw 2; } }); reportError(Object.create(null)); reportError(Symbol('s'));
      reportError(new Proxy({}, { get() { throw 3; }, has() { throw 4; } }))`);
    assert.equal(run('n'), 4);
    assert.equal(errors.length, 4);
    assert.throws(() => run(`reportError()`), { name: 'TypeError' });
  });

  test('listeners of one’s own events hear them', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        `var heard = 0; var f = function () { heard += this === globalThis ? 1 : 100; }; addEventListener('mine', f); dispatchEvent(new Event('mine')); removeEventListener('mine', f); dispatchEvent(new Event('mine')); heard`,
      ),
      1,
    );
  });
});
