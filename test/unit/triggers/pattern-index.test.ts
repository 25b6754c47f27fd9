import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEventPattern } from '../../../src/core/event-pattern.ts';
import { PatternIndex } from '../../../src/triggers/pattern-index.ts';

const of = (name: string, pattern: string) => ({ tenant: 'acme', name, pattern });

function matches(pattern: string, channel: string): boolean {
  const index = new PatternIndex();
  index.add(of('x', pattern));
  return index.matching(channel).subscriptions.length === 1;
}

test('a pattern matches the whole channel', () => {
  const cases: [pattern: string, channel: string, expected: boolean][] = [
    ['items:posts:*', 'items:posts:created', true],
    ['items:posts:*', 'items:posts', false],
    ['items:posts:*', 'items:posts:created:again', false],
    ['items:posts:*', 'other:items:posts:created', false],
    ['items:*:created', 'items:posts:created', true],
    ['items:*:created', 'items:posts:updated', false],
    ['*', 'items', true],
    ['*', 'items:posts', false],
    ['**', 'items', true],
    ['**', 'items:posts:created', true],
    ['items:**', 'items:posts:created', true],
    ['items:**', 'items', false],
    ['items:*:**', 'items:posts', false],
    ['items:*:**', 'items:posts:x', true],
    ['items', 'items', true],
    ['items', 'item', false],
    ['a.c', 'abc', false],
    ['__proto__:x', '__proto__:x', true],
    ['a', '__proto__', false],
  ];
  for (const [pattern, channel, expected] of cases)
    assert.equal(matches(pattern, channel), expected, `${pattern} ~ ${channel}`);
});

test('any set of patterns finds what regular expressions find, also after some of them have gone', () => {
  const patterns = sequences(['a', 'b', '*', '**'], 4).filter(isEventPattern);
  const channels = sequences(['a', 'b', 'c'], 5);
  const index = new PatternIndex();
  for (const pattern of patterns) index.add(of(pattern, pattern));
  for (const rest of [patterns, patterns.filter((_, i) => i % 3 === 0), []]) {
    for (const pattern of patterns) if (!rest.includes(pattern)) index.remove(of(pattern, pattern));
    for (const channel of channels) {
      const expected = rest.filter((pattern) => expressionOf(pattern).test(channel));
      const found = index.matching(channel).subscriptions.map(({ name }) => name);
      assert.deepEqual(found.sort(), expected.sort(), channel);
    }
  }
  assert.equal(index.isEmpty, true);
});

test('ten thousand listeners elsewhere cost a publisher nothing', () => {
  const index = new PatternIndex();
  for (let i = 0; i < 10_000; i++) index.add(of(`f${i}`, `items:collection-${i}:*`));
  const { subscriptions, steps } = index.matching('items:collection-77:created');
  assert.deepEqual([subscriptions.map(({ name }) => name), steps], [['f77'], 4]);
});

test('functions with one pattern are told apart', () => {
  const index = new PatternIndex();
  for (const name of ['a', 'b']) index.add(of(name, 'x:*'));
  index.remove(of('a', 'x:*'));
  index.remove(of('nobody', 'y:z'));
  assert.deepEqual(
    index.matching('x:y').subscriptions.map(({ name }) => name),
    ['b'],
  );
});

function expressionOf(pattern: string): RegExp {
  const segments = pattern.split(':').map((part) => (part === '**' ? '.+' : part === '*' ? '[^:]+' : part));
  return new RegExp(`^${segments.join(':')}$`);
}

function sequences(segments: readonly string[], length: number): string[] {
  if (length === 0) return [];
  const shorter = sequences(segments, length - 1);
  return [...new Set([...segments, ...shorter.flatMap((rest) => segments.map((segment) => `${rest}:${segment}`))])];
}
