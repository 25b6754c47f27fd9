import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

suite('EventTarget', () => {
  test('listeners hear in order, once each, and only their type', () => {
    const { run } = bareContext();
    const seen = run(`(() => {
      const seen = []; const t = new EventTarget(); const f = (e) => seen.push('f' + e.type);
      t.addEventListener('a', f); t.addEventListener('a', f); t.addEventListener('b', f);
      t.addEventListener('a', { handleEvent(e) { seen.push('h', this === e.x, e.currentTarget === t, e.eventPhase); } });
      t.addEventListener('a', () => seen.push('once'), { once: true });
      t.dispatchEvent(new Event('a')); t.removeEventListener('a', f); t.dispatchEvent(new Event('a'));
      return seen;
    })()`);
    assert.deepEqual(plain(seen), ['fa', 'h', false, true, 2, 'once', 'h', false, true, 2]);
  });

  test('a listener may stop the rest, remove others, and prevent the default', () => {
    const { run } = bareContext();
    const seen = run(`(() => {
      const seen = []; const t = new EventTarget(); const gone = () => seen.push('gone');
      t.addEventListener('a', (e) => { t.removeEventListener('a', gone); t.addEventListener('a', () => seen.push('late')); e.preventDefault(); });
      t.addEventListener('a', gone);
      t.addEventListener('a', (e) => e.stopImmediatePropagation());
      t.addEventListener('a', () => seen.push('never'));
      const e = new Event('a', { cancelable: true });
      return [t.dispatchEvent(e), e.defaultPrevented, seen.join(), e.eventPhase, e.currentTarget];
    })()`);
    assert.deepEqual(plain(seen), [false, true, '', 0, null]);
  });

  test('what a listener throws is reported and the others still hear', () => {
    const { run, errors } = bareContext();
    assert.equal(
      run(
        `var heard = 0; var t = new EventTarget(); t.addEventListener('a', () => { throw new Error('mine'); }); t.addEventListener('a', () => heard++); t.dispatchEvent(new Event('a')); heard`,
      ),
      1,
    );
    assert.equal((errors[0] as Error).message, 'mine');
  });

  test('a signal removes its listener; an event is not dispatched twice at once', () => {
    const { run, errors } = bareContext();
    assert.equal(
      run(
        `var n = 0; var c = new AbortController(); var t = new EventTarget(); t.addEventListener('a', () => n++, { signal: c.signal }); t.dispatchEvent(new Event('a')); c.abort(); t.dispatchEvent(new Event('a')); n`,
      ),
      1,
    );
    run(`t.addEventListener('b', (e) => t.dispatchEvent(e)); t.dispatchEvent(new Event('b'))`);
    assert.equal((errors[0] as Error).name, 'InvalidStateError');
    assert.throws(() => run(`t.dispatchEvent({ type: 'a' })`), { name: 'TypeError' });
    assert.deepEqual(
      plain(
        run(
          `[new CustomEvent('x', { detail: { a: 1 } }).detail.a, new CustomEvent('x').detail, class extends EventTarget {}.name]`,
        ),
      ),
      [1, null, ''],
    );
  });
});

suite('AbortSignal', () => {
  test('abort sets the reason, tells listeners once, and onabort in its turn', () => {
    const { run } = bareContext();
    const seen = run(`(() => {
      const seen = []; const c = new AbortController(); c.signal.onabort = () => seen.push('on'); c.signal.addEventListener('abort', (e) => seen.push(e.type, e.target === c.signal));
      c.abort('why'); c.abort('again');
      return [seen, c.signal.aborted, c.signal.reason];
    })()`);
    assert.deepEqual(plain(seen), [['on', 'abort', true], true, 'why']);
  });

  test('without a reason it is an AbortError', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        `var c = new AbortController(); c.abort(); var r = c.signal.reason; r.name + r.code + (r instanceof DOMException) + (r instanceof Error)`,
      ),
      'AbortError20truetrue',
    );
    assert.throws(() => run(`c.signal.throwIfAborted()`), { name: 'AbortError' });
    assert.throws(() => run(`new AbortSignal()`), { name: 'TypeError' });
  });

  test('timeout aborts with a TimeoutError', () => {
    const { run, timers, controls } = bareContext();
    run(`var s = AbortSignal.timeout(50)`);
    assert.deepEqual([...timers.values()], [50]);
    for (const id of timers.keys()) controls.fireTimer(id);
    assert.equal(run(`s.reason.name + s.reason.code`), 'TimeoutError23');
  });

  test('any follows the first, at once or later', () => {
    const { run } = bareContext();
    assert.equal(
      run(
        `var a = new AbortController(), b = new AbortController(); var s = AbortSignal.any([a.signal, b.signal]); b.abort(2); a.abort(1); s.reason`,
      ),
      2,
    );
    assert.equal(run(`AbortSignal.any([AbortSignal.abort(7), s]).reason`), 7);
  });
});

suite('timers', () => {
  test('a timer runs once with its arguments; a cleared one does not', () => {
    const { run, timers, controls } = bareContext();
    const ids = plain(
      run(
        `var seen = []; [setTimeout((a, b) => seen.push(a + b), 10.7, 1, 2), setTimeout(() => seen.push('no'), 5), setTimeout(() => seen.push('zero'), -1)]`,
      ),
    );
    assert.deepEqual([...timers.values()], [10, 5, 0]);
    run(`clearTimeout(${ids[1]}); clearTimeout('${ids[1]}'); clearTimeout(); clearTimeout({}); clearInterval(NaN)`);
    assert.deepEqual([...timers.values()], [10, 0]);
    for (const id of ids) controls.fireTimer(id);
    controls.fireTimer(ids[0]);
    assert.deepEqual(plain(run('seen')), [3, 'zero']);
  });

  test('an interval is armed again until it is cleared, and no faster than browsers do', () => {
    const { run, timers, controls } = bareContext();
    const id = run(`var n = 0; var id = setInterval(() => { if (++n === 2) clearInterval(id); }, 0); id`);
    assert.equal(timers.get(id), 4);
    controls.fireTimer(id);
    assert.equal(timers.has(id), true);
    controls.fireTimer(id);
    assert.equal(timers.has(id), false);
    controls.fireTimer(id);
    assert.equal(run('n'), 2);
  });

  test('a timer runs for the invocation that started it', () => {
    const context = bareContext();
    context.current = 'first';
    context.run(`var ids = [setTimeout(() => console.log('a')), setInterval(() => console.log('b'))]`);
    context.current = 'second';
    for (const id of context.run('ids')) context.controls.fireTimer(id);
    assert.deepEqual(
      context.lines.map((line) => line.context),
      ['first', 'first'],
    );
    assert.equal(context.current, 'second');
  });

  test('there is an end to pending timers, and dropping them makes room', () => {
    const { run, controls, timers } = bareContext();
    assert.throws(() => run(`for (;;) setTimeout(() => {}, 1000)`), { name: 'RangeError' });
    assert.equal(timers.size, 10_000);
    assert.equal(controls.dropTimer(1), true);
    assert.equal(controls.dropTimer(1), false);
    run(`setTimeout(() => {}, 1)`);
    assert.throws(() => run(`setTimeout(() => {}, 1)`), { name: 'RangeError' });
  });

  test('what a callback throws is reported', async () => {
    const { run, controls, errors } = bareContext();
    const id = run(`setTimeout(() => { throw new Error('timer'); })`);
    controls.fireTimer(id);
    await run(`queueMicrotask(() => { throw new Error('microtask'); }); Promise.resolve()`);
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['timer', 'microtask'],
    );
    for (const code of [`setTimeout('code')`, `setInterval()`, `queueMicrotask(1)`])
      assert.throws(() => run(code), { name: 'TypeError' });
  });
});
