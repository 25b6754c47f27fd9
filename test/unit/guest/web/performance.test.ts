import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

suite('performance', () => {
  test('marks and measures are kept in the order of their start', () => {
    const { run } = bareContext();
    assert.deepEqual(
      plain(
        run(`performance.mark('b', { startTime: 20, detail: { x: 1 } }); performance.mark('a', { startTime: 10 });
          performance.measure('m', 'a', 'b'); performance.measure('n', { start: 5, duration: 2 });
          performance.getEntries().map((e) => [e.name, e.entryType, e.startTime, e.duration, e.detail])`),
      ),
      [
        ['n', 'measure', 5, 2, null],
        ['a', 'mark', 10, 0, null],
        ['m', 'measure', 10, 10, null],
        ['b', 'mark', 20, 0, { x: 1 }],
      ],
    );
    assert.deepEqual(
      plain(
        run(
          `performance.clearMarks('a'); performance.clearMeasures(); performance.getEntries().map((e) => e.toJSON())`,
        ),
      ),
      [{ name: 'b', entryType: 'mark', startTime: 20, duration: 0 }],
    );
  });

  test('what makes no measure is refused', () => {
    const { run } = bareContext();
    for (const [code, name] of [
      [`performance.measure('m', 'none')`, 'SyntaxError'],
      [`performance.measure('m', { start: 1, end: 2, duration: 3 })`, 'TypeError'],
      [`performance.measure('m', { duration: 3 })`, 'TypeError'],
      [`performance.measure('m', { start: 1 }, 'x')`, 'TypeError'],
      [`performance.mark('m', { startTime: -1 })`, 'TypeError'],
      [`performance.mark('m', { startTime: NaN })`, 'TypeError'],
      [`performance.mark('m', { detail: () => {} })`, 'DataCloneError'],
      [`performance.mark()`, 'TypeError'],
      [`performance.now.call({})`, 'TypeError'],
      [`new Performance()`, 'TypeError'],
      [`new PerformanceEntry()`, 'TypeError'],
    ] as const)
      assert.throws(() => run(code), { name }, code);
    assert.equal(run(`performance.getEntries().length`), 0);
  });

  test('a function that never clears does not grow without end', () => {
    const { run } = bareContext();
    assert.equal(run(`for (let i = 0; i < 12000; i++) performance.mark('x'); performance.getEntries().length`), 10_000);
  });

  test('observers hear of what they observe, together, a microtask later', async () => {
    const { run } = bareContext();
    run(`var seen = []; performance.mark('before');
      var o = new PerformanceObserver((list, self) => seen.push(list.getEntries().map((e) => e.name).join(), self === o));
      o.observe({ entryTypes: ['mark', 'unknown'] }); performance.mark('a'); performance.measure('m'); performance.mark('b');
      new PerformanceObserver((list) => seen.push(list.getEntriesByType('mark').length)).observe({ type: 'mark', buffered: true })`);
    assert.deepEqual(plain(run('seen')), []);
    await setImmediate();
    assert.deepEqual(plain(run('seen')), ['a,b', true, 3]);
    run(`o.disconnect(); performance.mark('c')`);
    await setImmediate();
    assert.deepEqual(plain(run('seen')), ['a,b', true, 3, 1]);
  });

  test('what an observer throws is reported', async () => {
    const { run, errors } = bareContext();
    run(`new PerformanceObserver(() => { throw 'mine'; }).observe({ type: 'mark' }); performance.mark('a')`);
    await setImmediate();
    assert.deepEqual(errors, ['mine']);
  });
});

suite('the clock', () => {
  const CLOCKS = [
    'Date.now()',
    'new Date().getTime()',
    'Date()',
    'performance.now()',
    'performance.mark("x").startTime',
    'new Event("x").timeStamp',
    'new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3 }).format()',
    'new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3 }).formatToParts().at(-1).value',
    'new (class extends Date {})().getTime()',
    'Reflect.construct(Date, []).getTime()',
    'new Date().constructor.now()',
  ];
  for (const clock of CLOCKS) {
    test(`${clock} stands still within a turn`, () => {
      const { run } = bareContext();
      assert.equal(
        run(`var first = ${clock}; for (let i = 0; i < 3e6; i++); String(first) === String(${clock})`),
        true,
      );
    });
  }

  test('it goes on with the next turn', async () => {
    const { run, controls } = bareContext();
    const before = plain(run('[Date.now(), performance.now()]'));
    while (Date.now() <= before[0]) await setImmediate();
    assert.deepEqual(plain(run('[Date.now(), performance.now()]')), before);
    controls.newTurn();
    const after = plain(run('[Date.now(), performance.now()]'));
    assert.ok(after[0] > before[0] && after[1] > before[1]);
    assert.ok(Math.abs(after[0] - Date.now()) < 1_000);
    assert.ok(Number.isInteger(after[1]));
  });

  test('a Date still is what it was', () => {
    const { run } = bareContext();
    assert.deepEqual(
      plain(
        run(
          `[new Date(0).toISOString(), new Date('2020-01-02').getTime(), new Date(2020, 0).getFullYear(), Date.UTC(1970, 0), Date.parse('1970-01-01'), Date.length, Date.name, new Date() instanceof Date, Object.keys(Date), typeof Date(), new Date(undefined).getTime()]`,
        ),
      ),
      ['1970-01-01T00:00:00.000Z', 1577923200000, 2020, 0, 0, 7, 'Date', true, [], 'string', null],
    );
    assert.equal(run(`new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(0)`), '1/1/1970');
    assert.equal(run(`[0].map(new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format)[0]`), '1/1/1970');
  });
});
