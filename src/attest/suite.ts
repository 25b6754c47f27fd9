/**
 * Suite: runs attacks against a server in lanes, while a steady probe asks the victim for its greeting, and reports what
 * held. Attacks of one lane follow each other; the lanes run beside each other, each from a tenant of its own.
 */

import { TIER_NAMES, type TierName } from '../core/tier.ts';
import { shown, type Answer, type Attack, type AttackClass, type Evidence } from './attack.ts';
import { layOut, type LaidOut, type Server } from './ground.ts';
import { HttpClient } from './http-client.ts';
import { AttackLab, type Attacker } from './lab.ts';
import { barsOf, MAX_GROWTH_BYTES, type Outcome, type Report } from './report.ts';
import { startSteadyProbe, type ProbeSummary, type SteadyProbe } from './steady-probe.ts';

export interface SuiteOptions {
  readonly attacks: readonly Attack[];
  readonly server: Server;
  /** Only these tiers, each of which has to work; default: those that do. */
  readonly tiers?: readonly TierName[];
  /** Requests a second of the steady probe; default 50. */
  readonly probeRate?: number;
  /** Hears of each attack when it is over. */
  onOutcome?(outcome: Outcome, done: number, total: number): void;
}

/** Which attacks follow each other: those that fill the processor and the memory, and those that need neither. */
const LANES: readonly (readonly AttackClass[])[] = [
  ['cpu'],
  ['memory', 'floods'],
  ['realm', 'intrinsics', 'results'],
  ['tenant', 'host', 'egress', 'http', 'identity'],
  ['uploads'],
];

/** For the server to end what it has been told to, and to collect what nothing needs any more. */
const SETTLE_MS = 20_000;
const SETTLE_STEP_MS = 1_000;
const PROBE_RATE = 50;
/** How long the victim is watched before the first attack. */
const CALM_MS = 10_000;

/** Rejects when the ground can't be laid out; whatever an attack does is in the report. */
export async function runSuite(options: SuiteOptions): Promise<Report> {
  const { server, attacks, probeRate = PROBE_RATE } = options;
  const startedMs = Date.now();
  const client = new HttpClient(server.url);
  const probing = new HttpClient(server.url);
  const laid = await layOut(server, client);
  try {
    const tiers = chosenTiers(options.tiers, await workingTiers(client, laid, server));
    const runs = runsOf(attacks, tiers, server.own !== null);
    await warmUp(client, laid, server);
    const rssBefore = (await server.own?.rssBytes()) ?? null;
    const { victim } = laid.ground;
    // Over connections of its own: it must not wait for those that an attack holds.
    const startProbe = (): SteadyProbe =>
      startSteadyProbe(probing, { ...victim, path: `/fn/${victim.steady}` }, probeRate);
    const before = await calmProbe(startProbe());
    const probe = startProbe();
    const outcomes = await runLanes(runs, client, laid, { ...options, slowness: slownessOf(before) });
    const summary = await probe.stop();
    const rssAfter = await settledRss(server, (rssBefore ?? 0) + MAX_GROWTH_BYTES);
    // The machine may have become busier meanwhile, and not by the attacks.
    const after = await calmProbe(startProbe());
    const calm = after.p99Ms > before.p99Ms ? after : before;
    const rssGrowthBytes = rssBefore === null || rssAfter === null ? null : rssAfter - rssBefore;
    const ended = server.own?.exit();
    return {
      startedAt: new Date(startedMs).toISOString(),
      durationMs: Date.now() - startedMs,
      tiers,
      wall: server.own?.wall ?? null,
      calm,
      victim: summary,
      rssGrowthBytes,
      bars: barsOf({ summary, calm, rssGrowthBytes, ended, isOwn: server.own !== null }),
      outcomes,
    };
  } finally {
    await laid.remove();
    client.close();
    probing.close();
  }
}

interface Run {
  readonly attack: Attack;
  readonly tier: TierName | null;
  /** Why it is not run. */
  readonly skipped: string | null;
}

function runsOf(attacks: readonly Attack[], tiers: readonly TierName[], isOwn: boolean): Run[] {
  return attacks.flatMap((attack): Run[] => {
    const skipped = attack.private && !isOwn ? 'it needs a server of the suite’s own' : null;
    if (attack.tiers === null) return [{ attack, tier: null, skipped }];
    const met = attack.tiers.filter((tier) => tiers.includes(tier));
    return met.map((tier) => ({ attack, tier, skipped }));
  });
}

async function runLanes(
  runs: readonly Run[],
  client: HttpClient,
  laid: LaidOut,
  options: SuiteOptions & { readonly slowness: number },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const lanes = LANES.map((classes) => runs.filter(({ attack }) => classes.includes(attack.class)));
  await Promise.all(
    lanes.map(async (lane, index) => {
      if (lane.length === 0) return;
      const attacker = await laid.attacker(index + 1);
      for (const run of lane) {
        const outcome = await runOne(run, { ...attacker, slowness: options.slowness }, client, laid, options.server);
        outcomes.push(outcome);
        options.onOutcome?.(outcome, outcomes.length, runs.length);
      }
    }),
  );
  return outcomes;
}

async function runOne(
  { attack, tier, skipped }: Run,
  attacker: Attacker & { readonly slowness: number },
  client: HttpClient,
  { ground, prefix }: LaidOut,
  server: Server,
): Promise<Outcome> {
  const about = { name: attack.name, class: attack.class, tier };
  const reason = server.own?.exit() === undefined ? skipped : 'the server had ended';
  if (reason !== null) return { ...about, outcome: 'skipped', evidence: reason, tookMs: 0 };
  const startedMs = performance.now();
  const lab = new AttackLab({ ground, client, tier, prefix, ...attacker });
  const hits = ground.canary.hits();
  const finish = ({ held, text }: Evidence): Outcome => ({
    ...about,
    outcome: held ? 'held' : 'broken',
    evidence: text,
    tookMs: Math.round(performance.now() - startedMs),
  });
  try {
    const evidence = await attack.run(lab);
    await lab.clean();
    const collateral = await collateralOf(lab, client, server, hits);
    return finish(
      evidence.held && collateral !== null ? { held: false, text: `${evidence.text}; but ${collateral}` } : evidence,
    );
  } catch (error) {
    await lab.clean().catch(() => undefined);
    return finish({ held: false, text: `it could not be judged: ${(error as Error).message}` });
  }
}

/** What is usual on this machine, as busy as it is. */
async function calmProbe(probe: SteadyProbe): Promise<ProbeSummary> {
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  return probe.stop();
}

/** An answer of the victim takes so long, at the 99th percentile, on a quiet machine of two processors, and some. */
const QUIET_P99_MS = 30;
const MAX_SLOWNESS = 10;

const slownessOf = ({ p99Ms }: ProbeSummary): number => Math.min(Math.max(p99Ms / QUIET_P99_MS, 1), MAX_SLOWNESS);

/** What an attack did besides; null: nothing. */
async function collateralOf(lab: AttackLab, client: HttpClient, { own }: Server, hits: number): Promise<string | null> {
  const { victim, canary } = lab.ground;
  if (lab.leak !== null) return `an answer held a secret: …${lab.leak}`;
  if (canary.hits() > hits) return 'a listener of the host was reached';
  if (own?.exit() !== undefined) return `the server ended with ${own.exit()}`;
  const answer = await client.send({ path: `/fn/${victim.steady}`, host: victim.host });
  return answer.text === victim.greeting ? null : `the victim answered ${answer.status} ${answer.text.slice(0, 80)}`;
}

/** Memory that comes back is no growth: resolves when it is small enough, or won't become so. */
async function settledRss({ own }: Server, enough: number): Promise<number | null> {
  if (own === null) return null;
  let least: number | null = null;
  for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += SETTLE_STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
    const rss = await own.rssBytes();
    if (rss !== null) least = Math.min(least ?? rss, rss);
    if (rss === null || rss <= enough) break;
  }
  return least;
}

/** The suite can't be run as it was asked for. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError';
}

/** Throws a {@link SuiteError} where one that was asked for does not work. */
function chosenTiers(wanted: readonly TierName[] | undefined, working: readonly TierName[]): readonly TierName[] {
  const missing = wanted?.filter((tier) => !working.includes(tier)) ?? [];
  if (missing.length === 0) return wanted ?? working;
  throw new SuiteError(`these tiers don't work here: ${missing.join(', ')}; those that do: ${working.join(', ')}`);
}

/** The server says which tiers it has by what it takes. */
async function workingTiers(client: HttpClient, laid: LaidOut, { operatorToken: token }: Server): Promise<TierName[]> {
  const { operatorHost: host, victim } = laid.ground;
  const path = `/api/v1/functions/${laid.prefix}-tier`;
  const working: TierName[] = [];
  for (const tier of TIER_NAMES) {
    const json = { code: 'export default () => 1', tier, tenant: victim.tenant };
    if (await isTaken(() => client.send({ path, method: 'PUT', host, token, json }))) working.push(tier);
  }
  await client.send({ path: `${path}?tenant=${victim.tenant}`, method: 'DELETE', host, token });
  return working;
}

const TRIES = 4;

/** A busy machine may fail a deployment; what it does not have it says. Rejects where neither can be told. */
async function isTaken(deploy: () => Promise<Answer>): Promise<boolean> {
  let answer = await deploy();
  for (let i = 1; i < TRIES && answer.status >= 300 && answer.code !== 'TIER_UNAVAILABLE'; i++) answer = await deploy();
  if (answer.status < 300) return true;
  if (answer.code === 'TIER_UNAVAILABLE') return false;
  throw new SuiteError(`a function could not be deployed: ${shown(answer)}`);
}

const WARM_REQUESTS = 2_000;
const WARM_DEPLOYMENTS = 40;

/** What a server keeps for good once it has done everything a few times is no growth. */
async function warmUp(client: HttpClient, laid: LaidOut, { operatorToken: token }: Server): Promise<void> {
  const { victim, operatorHost: host } = laid.ground;
  for (let i = 0; i < WARM_REQUESTS; i += 20)
    await Promise.all(
      Array.from({ length: 20 }, () => client.send({ path: `/fn/${victim.steady}`, host: victim.host })),
    );
  for (let i = 0; i < WARM_DEPLOYMENTS; i++) {
    const name = `${laid.prefix}-warm`;
    const json = { code: `export default () => new Response('${i}'.repeat(1e5))`, tenant: victim.tenant };
    await client.send({ path: `/api/v1/functions/${name}`, method: 'PUT', host, token, json });
    await client.send({ path: `/fn/${name}`, host: victim.host });
    await client.send({ path: `/api/v1/functions/${name}?tenant=${victim.tenant}`, method: 'DELETE', host, token });
  }
}
