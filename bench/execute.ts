/** Execute: POST /execute against the same contract as it is usually built, without any of the walls. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { startChild } from './support/child.ts';
import { Client } from './support/client.ts';
import { startCordon } from './support/cordon-server.ts';
import { inTurns, loadInTurns, medianRatio } from './support/rounds.ts';
import { median, percentile } from './support/statistics.ts';

const CONNECTIONS = 16;
const WARM_UP_CALLS = 50;
const SUCCESS = '"success":true';

const BODY = JSON.stringify({
  code: `export default async (req) => ({ statusCode: 200, body: JSON.stringify({ message: 'Hello World' }) })`,
  handler: 'handler',
  request: { method: 'GET', url: '/', headers: {}, query: {} },
  envVars: {},
  timeout: 10_000,
  memory: 128,
});

export const execute: Benchmark = {
  name: 'execute',
  summary: 'POST /execute, against express and isolated-vm in one process',
  run,
};

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using express = await startChild({ script: 'peers/execute-express.cjs', nodeFlags: ['--no-node-snapshot'] });
  await using cordon = await startCordon();
  using expressClient = new Client(express.url);
  const subjects = [
    { label: 'express + isolated-vm', url: `${express.url}/execute`, client: expressClient },
    { label: 'Cordon', url: `${cordon.url}/execute`, client: cordon.client },
  ];
  const rounds = quick ? 1 : 3;
  const calls = quick ? 150 : 300;

  progress('one call at a time');
  for (const { client } of subjects) await callOften(client, WARM_UP_CALLS);
  const sequential = await inTurns(subjects, rounds, ({ client }) => callOften(client, calls));
  const p50s = sequential.map((ofSubject) => ofSubject.map((durationsMs) => percentile(durationsMs, 50)));
  const p99s = sequential.map((ofSubject) => ofSubject.map((durationsMs) => percentile(durationsMs, 99)));
  const p50Ratios = p50s.map((ofSubject) => medianRatio(ofSubject, p50s[0]!));

  progress(`${CONNECTIONS} calls at a time`);
  const path = join(cordon.folder, 'execute.json');
  writeFileSync(path, BODY);
  const post = { path, expected: SUCCESS };
  const loads = subjects.map(({ url }) => ({ url, connections: CONNECTIONS, durationMs: quick ? 2_000 : 4_000, post }));
  const { medians, ratios } = await loadInTurns(loads, rounds);

  return {
    tables: [
      {
        title: 'One call at a time',
        columns: ['p50', 'p99', 'p50 ratio'],
        rows: subjects.map(({ label }, index) => ({
          label,
          cells: [
            { value: median(p50s[index]!), unit: 'ms' },
            { value: median(p99s[index]!), unit: 'ms' },
            { value: p50Ratios[index]!, unit: 'ratio' },
          ],
        })),
      },
      {
        title: `${CONNECTIONS} calls at a time`,
        columns: ['req/s', 'ratio', 'p50', 'p99'],
        rows: subjects.map(({ label }, index) => ({
          label,
          cells: [
            { value: medians[index]!.requestsPerSecond, unit: 'req/s' },
            { value: ratios[index]!, unit: 'ratio' },
            { value: medians[index]!.p50Ms, unit: 'ms' },
            { value: medians[index]!.p99Ms, unit: 'ms' },
          ],
        })),
      },
    ],
    targets: [
      { what: 'p50 of one call at a time, against express', value: p50Ratios[1]!, unit: 'ratio', bound: { atMost: 1 } },
      {
        what: `req/s of ${CONNECTIONS} at a time, against express`,
        value: ratios[1]!,
        unit: 'ratio',
        bound: { atLeast: 1 },
      },
    ],
    notes: ['A fresh isolate for each call on both sides; both write a line of log for each request.'],
  };
}

async function callOften(client: Client, times: number): Promise<number[]> {
  const durationsMs: number[] = [];
  const request = { path: '/execute', method: 'POST', headers: { 'content-type': 'application/json' }, body: BODY };
  for (let call = 0; call < times; call++) {
    const { body, totalMs } = await client.send(request);
    if (!body.includes(SUCCESS)) throw new Error(`/execute answered ${body}`);
    durationsMs.push(totalMs);
  }
  return durationsMs;
}
