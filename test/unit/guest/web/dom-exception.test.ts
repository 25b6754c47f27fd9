import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

suite('DOMException', () => {
  const { run } = bareContext();

  test('it is an Error with a name, a message, a code and a stack', () => {
    assert.deepEqual(
      plain(
        run(`(() => {
          const e = new DOMException('why', 'NotFoundError');
          return [e.name, e.message, e.code, String(e), Error.isError(e), e instanceof Error, Object.prototype.toString.call(e), Object.keys(e), e.stack.split('\\n')[0], DOMException.length, DOMException.NOT_FOUND_ERR, Object.getPrototypeOf(DOMException) === Function.prototype];
        })()`),
      ),
      ['why', 'NotFoundError']
        .reverse()
        .concat([
          8,
          'NotFoundError: why',
          true,
          true,
          '[object DOMException]',
          [],
          'NotFoundError: why',
          0,
          8,
          true,
        ] as never[]),
    );
    assert.deepEqual(
      plain(
        run(
          `(() => { const e = new DOMException(); const f = new DOMException('m', { name: 'AbortError', cause: 7 }); return [e.name, e.message, e.code, f.name, f.code, f.cause, 'cause' in e]; })()`,
        ),
      ),
      ['Error', '', 0, 'AbortError', 20, 7, false],
    );
  });

  test('a class may extend it', () => {
    assert.deepEqual(
      plain(
        run(
          `(() => { class Mine extends DOMException { constructor() { super('m', 'DataError'); this.extra = 1; } } const e = new Mine(); return [e instanceof Mine, e instanceof DOMException, e.name, e.message, e.extra]; })()`,
        ),
      ),
      [true, true, 'DataError', 'm', 1],
    );
  });

  test('its properties are those of no other object', () => {
    for (const code of [
      `DOMException('m')`,
      `Object.getOwnPropertyDescriptor(DOMException.prototype, 'name').get.call(new Error())`,
      `DOMException.prototype.code`,
      `Object.create(DOMException.prototype).message`,
      `new DOMException(Symbol())`,
    ])
      assert.throws(() => run(code), { name: 'TypeError' }, code);
  });
});
