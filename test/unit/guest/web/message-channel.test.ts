import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain, type BareContext } from './bare.ts';

/** Runs what is due, and what that makes due, in order. */
function settle({ timers, controls }: BareContext): void {
  for (let next = [...timers.keys()][0]; next !== undefined; next = [...timers.keys()][0]) {
    timers.delete(next);
    controls.fireTimer(next);
  }
}

suite('MessageChannel', () => {
  test('a message arrives later, as a copy, in its order', () => {
    const context = bareContext();
    const { run } = context;
    run(`var seen = []; var { port1, port2 } = new MessageChannel();
      port2.onmessage = (e) => seen.push(e.data, e instanceof MessageEvent, e.isTrusted, e.target === port2);
      var sent = { a: 1 }; port1.postMessage(sent); sent.a = 2; port1.postMessage('second')`);
    assert.deepEqual(plain(run('seen')), []);
    settle(context);
    assert.deepEqual(plain(run('seen')), [{ a: 1 }, true, true, true, 'second', true, true, true]);
  });

  test('messages wait until the port is started; a listener alone does not start it', () => {
    const context = bareContext();
    const { run } = context;
    run(
      `var seen = []; var { port1, port2 } = new MessageChannel(); port2.addEventListener('message', (e) => seen.push(e.data)); port1.postMessage(1)`,
    );
    settle(context);
    assert.deepEqual(plain(run('seen')), []);
    run(`port2.start(); port1.postMessage(2)`);
    settle(context);
    assert.deepEqual(plain(run('seen')), [1, 2]);
  });

  test('a closed port neither sends nor hears', () => {
    const context = bareContext();
    const { run } = context;
    run(
      `var seen = []; var { port1, port2 } = new MessageChannel(); port2.onmessage = (e) => seen.push(e.data); port1.postMessage(1); port2.close(); port1.postMessage(2); port1.close(); port2.postMessage(3)`,
    );
    settle(context);
    assert.deepEqual(plain(run('seen')), []);
  });

  test('a port can be sent, with what waits in it, and is of no use to its sender any more', () => {
    const context = bareContext();
    const { run } = context;
    run(`var seen = []; var a = new MessageChannel(), b = new MessageChannel();
      b.port1.postMessage('early');
      a.port2.onmessage = (e) => { e.ports[0].onmessage = (inner) => seen.push(inner.data); seen.push(e.data.p === e.ports[0], e.ports.length); };
      a.port1.postMessage({ p: b.port2 }, [b.port2]); b.port1.postMessage('late'); b.port2.postMessage('nowhere')`);
    settle(context);
    assert.deepEqual(plain(run('seen')), [true, 1, 'early', 'late']);
    assert.throws(() => run(`a.port1.postMessage(0, [b.port2])`), { name: 'DataCloneError' });
    assert.throws(() => run(`a.port1.postMessage(0, [a.port1])`), { name: 'DataCloneError' });
    assert.throws(() => run(`a.port1.postMessage(b.port1)`), { name: 'DataCloneError' });
    assert.throws(() => run(`a.port1.postMessage(0, [b.port1, b.port1])`), { name: 'DataCloneError' });
    assert.throws(() => run(`a.port1.postMessage()`), { name: 'TypeError' });
    assert.throws(() => run(`new MessagePort()`), { name: 'TypeError' });
  });

  test('buffers move with a message, and nothing moves when it can’t be copied', () => {
    const context = bareContext();
    const { run } = context;
    run(`var seen = []; var { port1, port2 } = new MessageChannel(); port2.onmessage = (e) => seen.push(e.data.byteLength);
      var kept = new ArrayBuffer(4), moved = new ArrayBuffer(8);
      try { port1.postMessage(() => {}, [kept]); } catch (e) { seen.push(e.name, kept.byteLength); }
      port1.postMessage(moved, { transfer: [moved] }); seen.push(moved.byteLength)`);
    settle(context);
    assert.deepEqual(plain(run('seen')), ['DataCloneError', 4, 0, 8]);
  });

  test('a message belongs to the invocation that posted it', () => {
    const context = bareContext();
    context.run(`var { port1, port2 } = new MessageChannel(); port2.onmessage = (e) => console.log(e.data)`);
    context.current = 'first';
    context.run(`port1.postMessage(1)`);
    context.current = 'second';
    context.run(`port1.postMessage(2)`);
    context.current = null;
    settle(context);
    assert.deepEqual(
      context.lines.map(({ message, context: whose }) => [message, whose]),
      [
        ['1', 'first'],
        ['2', 'second'],
      ],
    );
  });

  test('a flood ends where the timers do', () => {
    const { run } = bareContext();
    run(`var { port1, port2 } = new MessageChannel(); port2.start()`);
    assert.throws(() => run(`for (;;) port1.postMessage(0)`), { name: 'RangeError' });
  });
});
