import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type Metrics } from '../../../src/observe/metrics.ts';
import { prometheusText } from '../../../src/observe/prometheus-text.ts';
import { createUsage, type Usage } from '../../../src/observe/usage.ts';
import { makeVersion } from '../../support/calls.ts';

const STATE = { executors: 1, spareExecutors: 2, memoryBytes: 3, admitted: 4, queued: 5, alone: 6, refused: 7 };

function setup(maxSeries?: number): {
  readonly usage: Usage;
  readonly metrics: Metrics;
  ran(name: string, times: number): void;
} {
  const usage = createUsage();
  const metrics = createMetrics({ usage, state: () => STATE, ...(maxSeries === undefined ? {} : { maxSeries }) });
  return {
    usage,
    metrics,
    ran: (name, invocations) =>
      usage.add(makeVersion(name), {
        invocations,
        coldStarts: 1,
        wallMs: 1_500,
        cpuMs: 20,
        faults: new Map([['TIMED_OUT', 1]]),
      }),
  };
}

const linesOf = (metrics: Metrics, name: string): string[] =>
  metrics
    .text()
    .split('\n')
    .filter((line) => line.startsWith(name));

test('usage and state are there under their names, in seconds and bytes', () => {
  const { metrics, ran, usage } = setup();
  ran('a', 3);
  usage.addEgress(makeVersion('a'), 7, 8);
  const text = metrics.text();
  for (const line of [
    'cordon_function_invocations_total{tenant="acme",function="a"} 3',
    'cordon_function_wall_seconds_total{tenant="acme",function="a"} 1.5',
    'cordon_function_cpu_seconds_total{tenant="acme",function="a"} 0.02',
    'cordon_function_memory_megabyte_seconds_total{tenant="acme",function="a"} 96',
    'cordon_function_egress_sent_bytes_total{tenant="acme",function="a"} 7',
    'cordon_function_egress_received_bytes_total{tenant="acme",function="a"} 8',
    'cordon_function_faults_total{tenant="acme",function="a",code="TIMED_OUT"} 1',
    'cordon_executors 1',
    'cordon_executors_spare 2',
    'cordon_quarantine_refused 7',
  ])
    assert.ok(text.includes(`\n${line}\n`), line);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
});

test('the busiest functions have series of their own and keep them; the rest is one', () => {
  const { metrics, ran } = setup(2);
  ran('a', 1);
  ran('b', 5);
  ran('c', 3);
  const name = 'cordon_function_invocations_total';
  const before = linesOf(metrics, name);
  assert.deepEqual(before, [
    `${name}{tenant="acme",function="b"} 5`,
    `${name}{tenant="acme",function="c"} 3`,
    `${name}{tenant="(others)",function="(others)"} 1`,
  ]);
  ran('a', 100);
  ran('d', 1);
  assert.deepEqual(linesOf(metrics, name), [
    ...before.slice(0, 2),
    `${name}{tenant="(others)",function="(others)"} 102`,
  ]);
  assert.ok(
    linesOf(metrics, 'cordon_function_faults_total').includes(
      'cordon_function_faults_total{tenant="(others)",function="(others)",code="TIMED_OUT"} 3',
    ),
  );
});

test('a label can’t break out of its quotes', () => {
  const samples = [{ labels: { a: 'x"\\\ny' }, value: 1 }];
  assert.equal(
    prometheusText([{ name: 'm', help: 'h', type: 'gauge', samples }]),
    '# HELP m h\n# TYPE m gauge\nm{a="x\\"\\\\\\ny"} 1\n',
  );
});
