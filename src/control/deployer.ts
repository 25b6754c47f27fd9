/**
 * The deployer: from the files that somebody handed in to a version that answers.
 *
 * Files are bounded, built behind a wall, kept, loaded once to see that they can be, and only then made live; a request
 * sees the old version or the new one.
 */

import type { Audit, AuditEntry } from '../core/audit.ts';
import type { Deployment, DeploymentStore, SourceFiles } from '../core/deployment.ts';
import { Fault, toFault } from '../core/faults.ts';
import type {
  FunctionChange,
  FunctionRecord,
  FunctionStore,
  NewVersion,
  VersionRecord,
} from '../core/function-record.ts';
import { requireName, type Artifact, type FunctionVersion } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import { sourceHash } from '../core/source-hash.ts';
import type { TierName } from '../core/tier.ts';
import type { Environment, Environments } from '../core/variable.ts';
import { actorOf } from './access.ts';
import { DeploymentLog, type Progress } from './deployment-log.ts';
import type { PublicDomainRules } from './public-domain.ts';
import { planOf, type ReleasePlan } from './release-plan.ts';
import { Turns } from './turns.ts';
import { buildVersion, type BuildRules } from './version-build.ts';
import { placementOf, type TierRule } from './version-placement.ts';
import { contentOf, requireSizes, type VersionContent } from './version-settings.ts';

export interface DeployerOptions extends BuildRules, PublicDomainRules {
  readonly functions: Pick<FunctionStore, 'addVersion' | 'change' | 'count' | 'find' | 'remove'>;
  readonly deployments: Pick<DeploymentStore, 'put'>;
  readonly environments: Environments;
  readonly releases: {
    refresh(tenant: string, name: string): Promise<void>;
    drop(tenant: string, name: string): Promise<void>;
    versionOf(tenant: string, name: string, number: number): Promise<FunctionVersion | null>;
  };
  /** Loads a version and finds its handler, without calling it. The fault shows no secret of the version. */
  probe(version: FunctionVersion): Promise<Fault | null>;
  /** The quota. */
  maxFunctions(tenant: string): number | Promise<number>;
  isSuspended(tenant: string): boolean;
  /** Drops what is held and kept of a deleted function's logs. */
  forgetLogs(target: { readonly tenant: string; readonly name: string }): void | Promise<void>;
  readonly audit: Audit;
  /** Hears of what could not be written down about a deployment; the deployment itself is not touched by it. */
  report(error: unknown): void;
}

/** Invocations that one sandbox serves side by side, where its code was built for that. */
const CONCURRENCY = 64;

interface Job {
  readonly deployment: Deployment;
  readonly by: Principal;
  readonly content: VersionContent;
  readonly log: DeploymentLog;
}

export type Deployed = FunctionRecord & { readonly added: VersionRecord };

export class Deployer {
  readonly #options: DeployerOptions;
  /** Two deployments of one function are made live in the order in which they were kept. */
  readonly #turns = new Turns();

  constructor(options: DeployerOptions) {
    this.#options = options;
  }

  /**
   * Rejects with BAD_REQUEST, CODE_TOO_LARGE, COMPILE_FAILED, TIER_UNAVAILABLE, FORBIDDEN, QUOTA_EXCEEDED or
   * TENANT_SUSPENDED; then nothing has changed. Rejects with HEALTH_CHECK_FAILED where the new version does not load: it is
   * kept, and what was live stays live; where nothing was, it goes live all the same, so that its error is seen at its
   * address. A new version of an active function that was deployed by anybody but an admin is kept, and not made live.
   */
  async deploy(deployment: Deployment, by: Principal, progress?: Progress): Promise<Deployed> {
    const { tenant, name } = deployment;
    requireName('tenant', tenant);
    requireName('function', name);
    try {
      const content = await this.#requireDeployable(deployment, by);
      const log = new DeploymentLog(this.#options.deployments, deployment, progress);
      const deployed = await this.#logged(log, () => this.#run({ deployment, by, content, log }));
      const { added, live } = deployed;
      this.#audit(by, 'deploy', deployment, 'ok', { version: added.number, live: live?.number === added.number });
      return deployed;
    } catch (error) {
      const { code, blame } = toFault(error);
      this.#audit(by, 'deploy', deployment, code === 'FORBIDDEN' ? 'refused' : 'failed', { code, blame });
      throw error;
    }
  }

  /** False where there is none. */
  remove(tenant: string, name: string, by: Principal): Promise<boolean> {
    const { functions, releases, forgetLogs } = this.#options;
    return this.#turns.take(`${tenant}/${name}`, async () => {
      await releases.drop(tenant, name);
      // Before the tables are cleared, so that no line that still waits is written after it.
      await forgetLogs({ tenant, name });
      try {
        const wasThere = await functions.remove(tenant, name);
        if (wasThere) this.#audit(by, 'delete', { tenant, name }, 'ok', {});
        return wasThere;
      } catch (error) {
        await releases.refresh(tenant, name);
        throw error;
      }
    });
  }

  /** All that can be told before anything is built. */
  async #requireDeployable(deployment: Deployment, by: Principal): Promise<VersionContent> {
    const { functions, limits, isSuspended } = this.#options;
    const { tenant, name, files, entry } = deployment;
    if (isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
    requireSizes(files, limits);
    if (!files.has(entry))
      throw new Fault('BAD_REQUEST', `entry: there is no file ${JSON.stringify(entry)} among the files`);
    const content = contentOf(deployment, this.#options);
    const before = await functions.find(tenant, name);
    planOf(deployment, before, by, this.#options);
    if (before === null) await this.#requireQuota(tenant);
    return content;
  }

  async #logged<T>(log: DeploymentLog, work: () => Promise<T>): Promise<T> {
    const finish = (fault: Fault | null): Promise<void> => log.finish(fault).catch(this.#options.report);
    try {
      const result = await work();
      await finish(null);
      return result;
    } catch (error) {
      await finish(toFault(error));
      throw error;
    }
  }

  async #run(job: Job): Promise<Deployed> {
    const { deployment, content, log } = job;
    const { tenant, name, files, entry } = deployment;
    const { why } = placementOf(deployment, this.#options);
    if (why !== null) log.at('build', `tier auto: ${content.tier}, because ${why}`);
    log.at('build', `Building ${files.size === 1 ? '1 file' : `${files.size} files`} from ${entry}`);
    const built = await buildVersion(deployment, content, this.#options, (line) => log.at('build', line));
    const { artifact, fetched } = built;
    if (fetched.size > 0) log.at('build', `Fetched ${fetched.size} modules`);
    const kept = new Map([...files, ...fetched]);
    const placed = { ...job, content: built.content };
    return this.#turns.take(`${tenant}/${name}`, () => this.#keep(placed, artifact, kept));
  }

  async #keep(job: Job, artifact: Artifact, files: SourceFiles): Promise<Deployed> {
    const { deployment, by, content, log } = job;
    const { tenant, name } = deployment;
    const { functions, releases } = this.#options;
    // Again: it may have changed while this was built.
    const before = await functions.find(tenant, name);
    const plan = planOf(deployment, before, by, this.#options);
    await this.#checkSecrets(deployment, content, log);
    // What nobody has reviewed, or what might not load, is kept first and released afterwards.
    const waits = !plan.reviewed || (plan.live && plan.checked && before !== null && before.live !== null);
    const calls = Math.min(
      this.#ruleOf(content.tier)?.concurrency ?? CONCURRENCY,
      artifact.interleaves ? CONCURRENCY : 1,
    );
    const version = newVersion(job, plan, { artifact, waits, concurrency: calls });
    const { added, ...kept } = await this.#add(version, files, before === null);
    log.made(added.number);
    log.at('deploy', `Kept as version ${added.number}`);
    await releases.refresh(tenant, name);
    if (plan.checked) await this.#check(job, added.number, before?.live?.number ?? null, plan);
    const record = waits ? await this.#release(job, plan, kept, added.number) : kept;
    return { ...record, added };
  }

  async #release(
    { deployment, log }: Job,
    plan: ReleasePlan,
    kept: FunctionRecord,
    number: number,
  ): Promise<FunctionRecord> {
    const { functions, releases } = this.#options;
    const { tenant, name } = deployment;
    const change = releaseChange(plan, number);
    if (!plan.reviewed) log.at('deploy', 'It waits for the review of an admin');
    if (!plan.reviewed && (kept.active || Object.keys(change).length === 0)) return kept;
    try {
      // An admin who activates the function at this moment has not seen this version.
      const record = await functions.change(tenant, name, change, plan.reviewed ? null : kept.revision);
      await releases.refresh(tenant, name);
      return record;
    } catch (error) {
      if (plan.reviewed || toFault(error).code !== 'PRECONDITION_FAILED') throw error;
      return kept;
    }
  }

  #add(version: NewVersion, files: SourceFiles, isNew: boolean): Promise<Deployed> {
    const { functions } = this.#options;
    if (!isNew) return functions.addVersion(version, files);
    // Counted again, and one after another, so that many at once don't find room for one.
    return this.#turns.take(`${version.tenant}/`, async () => {
      await this.#requireQuota(version.tenant);
      return functions.addVersion(version, files);
    });
  }

  /** Rejects with HEALTH_CHECK_FAILED. What says nothing of the version (no room to load it) does not fail it. */
  async #check({ deployment, log }: Job, number: number, liveNumber: number | null, plan: ReleasePlan): Promise<void> {
    const { tenant, name } = deployment;
    log.at('health-check', `Loading version ${number}`);
    const version = await this.#options.releases.versionOf(tenant, name, number);
    const fault = version === null ? null : await this.#options.probe(version);
    if (fault === null) return;
    if (fault.retry) return log.at('health-check', `It could not be checked: ${fault.message}`);
    if (fault.details.stack !== undefined) log.at('health-check', fault.details.stack);
    const then = !plan.live
      ? ''
      : liveNumber === null
        ? ', and is live all the same, since there is no other'
        : `, so that version ${liveNumber} stays live`;
    throw new Fault('HEALTH_CHECK_FAILED', `Version ${number} of ${name} does not load${then}: ${fault.message}`);
  }

  async #requireQuota(tenant: string): Promise<void> {
    const [count, most] = await Promise.all([
      this.#options.functions.count(tenant),
      this.#options.maxFunctions(tenant),
    ]);
    if (count >= most)
      throw new Fault('QUOTA_EXCEEDED', `The tenant ${tenant} may have ${most} functions, and has ${count}`);
  }

  async #checkSecrets({ tenant, name }: Deployment, content: VersionContent, log: DeploymentLog): Promise<void> {
    const { cordon, env, grant, tier } = content;
    const { secrets, boundSecrets } = await this.#options.environments.resolve(tenant, name, env, grant);
    // A compromised executor reads whatever is in it, and the shared one belongs to every tenant.
    if (cordon === 'shared' && secrets.length > 0)
      throw new Fault('BAD_REQUEST', "cordon: a function with secrets can't be in the shared cordon; narrow its grant");
    if (boundSecrets.length > 0 && this.#ruleOf(tier)?.hasNetwork === true) log.at('build', boundWarning(boundSecrets));
  }

  #ruleOf(tier: TierName): TierRule | undefined {
    return this.#options.tiers.find(({ name }) => name === tier);
  }

  #audit(
    by: Principal,
    verb: string,
    { tenant, name }: Pick<Deployment, 'tenant' | 'name'>,
    outcome: AuditEntry['outcome'],
    details: AuditEntry['details'],
  ): void {
    this.#options.audit.record({
      actor: actorOf(by),
      action: `function.${verb}`,
      tenant,
      target: name,
      outcome,
      details,
    });
  }
}

/** Where the version has to wait, so does all that goes with it, but for the alias by which an admin's can be looked at. */
function newVersion(
  { deployment, by, content }: Job,
  plan: ReleasePlan,
  { artifact, waits, concurrency }: { artifact: Artifact; waits: boolean; concurrency: number },
): NewVersion {
  const { tenant, name, files, entry } = deployment;
  return {
    ...content,
    tenant,
    name,
    limits: { ...content.limits, concurrency },
    hash: sourceHash(files, entry),
    artifact,
    createdBy: actorOf(by),
    reviewed: plan.reviewed,
    initial: plan.initial,
    change: {
      ...(waits ? {} : plan.change),
      live: plan.live && !waits,
      alias: plan.reviewed ? plan.alias : null,
    },
  };
}

/** Egress sees the headers of what `ctx.fetch` and plain `http:` send, and nothing of what a TLS connection carries. */
function boundWarning(bound: Environment['boundSecrets']): string {
  const hosts = [...new Set(bound.flatMap((secret) => secret.hosts))].join(', ');
  return `A secret that is bound to its host (${hosts}) works with ctx.fetch; a client that makes its own TLS connection sends the placeholder`;
}

function releaseChange({ change, live, alias, reviewed }: ReleasePlan, number: number): FunctionChange {
  return {
    ...change,
    ...(live ? { live: number } : {}),
    ...(alias === null || reviewed ? {} : { aliases: { [alias]: number } }),
  };
}
