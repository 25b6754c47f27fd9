/**
 * Metrics: usage and the state of this host, for Prometheus. Of functions, those that were the busiest when there was
 * room have series of their own, and keep them: a counter must not fall because another function became busier.
 */

import type { FunctionUsage, UsageTotals } from '../core/usage.ts';
import { prometheusText, type Metric, type Sample } from './prometheus-text.ts';
import { OTHERS, sumOf, type Usage } from './usage.ts';

export interface MetricsOptions {
  readonly usage: Pick<Usage, 'all' | 'startedMs'>;
  /** What there is now, by the names of {@link STATE}. */
  state(): Readonly<Record<keyof typeof STATE, number>>;
  /** Functions with series of their own. */
  readonly maxSeries?: number;
}

export interface Metrics {
  /** In the text format of Prometheus. */
  text(): string;
}

const MAX_SERIES = 1_000;

export function createMetrics({ usage, state, maxSeries = MAX_SERIES }: MetricsOptions): Metrics {
  /** `tenant/function`; names have no slash. */
  const shown = new Set<string>();
  const text = (): string => {
    const all = usage.all();
    choose(all, shown, maxSeries);
    const own = all.filter((one) => shown.has(keyOf(one)));
    const rest = all.filter((one) => !shown.has(keyOf(one)));
    return prometheusText([...ofUsage(own, rest), ...ofState(state()), ...ofProcess(usage.startedMs)]);
  };
  return { text };
}

const keyOf = ({ tenant, name }: FunctionUsage): string => `${tenant}/${name}`;

function choose(all: readonly FunctionUsage[], shown: Set<string>, maxSeries: number): void {
  if (shown.size >= maxSeries) return;
  const others = all.filter((one) => !shown.has(keyOf(one))).sort((a, b) => b.invocations - a.invocations);
  for (const one of others.slice(0, maxSeries - shown.size)) shown.add(keyOf(one));
}

const COUNTERS: readonly (readonly [name: string, help: string, of: (usage: UsageTotals) => number])[] = [
  ['invocations_total', 'Invocations that ended', ({ invocations }) => invocations],
  ['cold_starts_total', 'Sandboxes that were opened', ({ coldStarts }) => coldStarts],
  ['wall_seconds_total', 'Running time of invocations', ({ wallMs }) => wallMs / 1000],
  ['cpu_seconds_total', 'CPU time, estimated by running time', ({ cpuMs }) => cpuMs / 1000],
  ['memory_megabyte_seconds_total', 'Memory limit by running time', ({ mbSeconds }) => mbSeconds],
  ['egress_sent_bytes_total', 'Bytes of bodies sent by fetch', ({ sentBytes }) => sentBytes],
  ['egress_received_bytes_total', 'Bytes of bodies received by fetch', ({ receivedBytes }) => receivedBytes],
];

function ofUsage(own: readonly FunctionUsage[], rest: readonly FunctionUsage[]): Metric[] {
  const series: (UsageTotals & { readonly tenant: string; readonly name: string })[] = [...own];
  if (rest.length > 0) series.push({ tenant: OTHERS, name: OTHERS, ...sumOf(rest) });
  const counters = COUNTERS.map(([name, help, of]): Metric => {
    const samples = series.map((one) => ({ labels: { tenant: one.tenant, function: one.name }, value: of(one) }));
    return { name: `cordon_function_${name}`, help, type: 'counter', samples };
  });
  return [...counters, faultsOf(own, rest)];
}

function faultsOf(own: readonly FunctionUsage[], rest: readonly FunctionUsage[]): Metric {
  const samples: Sample[] = own.flatMap(({ tenant, name, faultsByCode }) =>
    Object.entries(faultsByCode).map(([code, value]) => ({ labels: { tenant, function: name, code }, value })),
  );
  const others = new Map<string, number>();
  for (const { faultsByCode } of rest)
    for (const [code, value] of Object.entries(faultsByCode)) others.set(code, (others.get(code) ?? 0) + value);
  for (const [code, value] of others) samples.push({ labels: { tenant: OTHERS, function: OTHERS, code }, value });
  return { name: 'cordon_function_faults_total', help: 'Faults by code', type: 'counter', samples };
}

const STATE = {
  executors: ['cordon_executors', 'Executors that serve functions'],
  spareExecutors: ['cordon_executors_spare', 'Executors that wait for a function'],
  memoryBytes: ['cordon_executors_memory_bytes', 'Memory of the executors that serve functions'],
  admitted: ['cordon_invocations_in_hand', 'Invocations that run, or wait for a sandbox'],
  queued: ['cordon_invocations_queued', 'Invocations that wait for a place on this host'],
  alone: ['cordon_quarantine_alone', 'Versions that run in an executor of their own because they misbehaved'],
  refused: ['cordon_quarantine_refused', 'Versions that are refused because they misbehaved'],
} as const;

function ofState(state: Readonly<Record<keyof typeof STATE, number>>): Metric[] {
  return (Object.keys(STATE) as (keyof typeof STATE)[]).map((key) => {
    const [name, help] = STATE[key];
    return { name, help, type: 'gauge', samples: [{ value: state[key] }] };
  });
}

function ofProcess(startedMs: number): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    gauge('process_resident_memory_bytes', 'Memory of the host process', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'When the host process started', startedMs / 1000),
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the host process',
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
  ];
}

const gauge = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value }],
});
