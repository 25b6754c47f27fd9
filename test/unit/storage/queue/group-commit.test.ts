import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupCommit } from '../../../../src/storage/queue/group-commit.ts';

interface Options {
  readonly commit?: (items: readonly string[]) => Promise<readonly unknown[]>;
  readonly bytes?: number;
}

function group({ commit = async (items) => items.map((item) => item.toUpperCase()), bytes = 1 }: Options = {}) {
  const groups: (readonly string[])[] = [];
  const committing = new GroupCommit<string>({
    commit: (items) => {
      groups.push(items);
      return commit(items);
    },
    bytesOf: () => bytes,
    isOfItem: (error) => (error as Error).message === 'bad item',
  });
  return { groups, submit: (item: string) => committing.submit(item) };
}

test('what comes together goes together, what comes meanwhile goes next, and each hears of its own', async () => {
  const { promise: gate, resolve } = Promise.withResolvers<void>();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const { groups, submit } = group({
    commit: async (items) => {
      enter();
      await gate;
      return items.map((item) => item.toUpperCase());
    },
  });
  const first = [submit('a'), submit('b')];
  await entered;
  const second = [submit('c'), submit('d')];
  resolve();
  assert.deepEqual(await Promise.all([...first, ...second]), ['A', 'B', 'C', 'D']);
  assert.deepEqual(groups, [
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('one that is wrong is refused alone, and takes no other with it', async () => {
  const { groups, submit } = group({
    commit: async (items) => {
      if (items.includes('bad')) throw new Error('bad item');
      return items;
    },
  });
  const results = await Promise.allSettled(['a', 'bad', 'b'].map(submit));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(groups.length, 4);
});

test('an error of the database is everybody’s, and is not tried again for each', async () => {
  const { groups, submit } = group({ commit: () => Promise.reject(new Error('the server is gone')) });
  const results = await Promise.allSettled(['a', 'b'].map(submit));
  assert.ok(results.every(({ status }) => status === 'rejected'));
  assert.equal(groups.length, 1);
  await assert.rejects(submit('c'), /gone/, 'the next one is tried');
});

test('a result that is an error is its own item’s rejection', async () => {
  const { submit } = group({ commit: async (items) => items.map((item) => (item === 'b' ? new Error('no b') : item)) });
  const [a, b] = await Promise.allSettled(['a', 'b'].map(submit));
  assert.equal(a!.status, 'fulfilled');
  assert.ok(b!.status === 'rejected' && (b!.reason as Error).message === 'no b');
});

test('a group is bounded in number and in bytes', async () => {
  const many = group();
  await Promise.all(Array.from({ length: 1_200 }, (_, i) => many.submit(String(i))));
  assert.deepEqual(
    many.groups.map(({ length }) => length),
    [500, 500, 200],
  );
  const large = group({ bytes: 5 * 1024 * 1024 });
  await Promise.all(['a', 'b'].map(large.submit));
  assert.deepEqual(large.groups, [['a'], ['b']]);
});

test('what waits is bounded, and there is room again when it is written', async () => {
  const { submit } = group({ bytes: 32 * 1024 * 1024 });
  const waiting = Array.from({ length: 4 }, (_, i) => submit(String(i)));
  await assert.rejects(submit('x'), { code: 'OVERLOADED' });
  await Promise.all(waiting);
  assert.equal(await submit('x'), 'X');
});
