/** Views: what the operator API shows, as far as the commands read it, and how it is said in a few words. */

export interface VersionView {
  readonly number: number;
  /** SHA-256 of the sources. */
  readonly hash: string;
  readonly tier: string;
  /** Absent before there was more than one. */
  readonly runtime?: string;
  readonly cordon: string;
  readonly handler: string;
  readonly handlerKind: string;
  readonly limits: Readonly<Record<string, number>>;
  /** Names. */
  readonly env: readonly string[];
  readonly grant: readonly string[] | null;
  readonly requestBody: string;
  readonly passAuthorization: boolean;
  readonly verifyJwt: boolean;
  readonly cors: unknown;
  readonly egress: unknown;
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface FunctionView {
  readonly tenant: string;
  readonly name: string;
  readonly active: boolean;
  readonly trigger: { readonly kind: string; readonly pattern: string | null };
  readonly publicDomain: string | null;
  readonly publicDomainApproved?: boolean;
  readonly live: VersionView | null;
  readonly canary: { readonly version: number; readonly weight: number } | null;
  readonly aliases: Readonly<Record<string, number>>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The answer to a deployment: the function as it is now, and the version that was made. */
export interface DeployedView extends FunctionView {
  readonly added: VersionView;
}

/** What a new deployment is compared with. */
export interface DeployedVersion {
  readonly hash: string;
  readonly env: readonly string[];
  /** By the names that a deployment gives them. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Null: no version is live. */
export function deployedOf({ live, active, trigger, publicDomain }: FunctionView): DeployedVersion | null {
  if (live === null) return null;
  const { timeoutMs, memoryMb } = live.limits;
  return { hash: live.hash, env: live.env, settings: { ...live, timeoutMs, memoryMb, active, trigger, publicDomain } };
}

/** JavaScript goes without saying. */
export const tierText = ({ tier, runtime }: Pick<VersionView, 'tier' | 'runtime'>): string =>
  runtime === 'python' ? `${tier}, Python` : tier;

export const versionText = ({ live, canary }: FunctionView): string =>
  `${live === null ? '-' : `@${live.number}`}${canary === null ? '' : ` + @${canary.version} ${percent(canary.weight)}`}`;

export function stateOf({ active, live, trigger }: FunctionView): string {
  if (!active) return 'inactive';
  if (live === null) return 'not live';
  return trigger.kind === 'http' ? 'live' : `live, ${trigger.kind} ${trigger.pattern ?? ''}`;
}

/** What a version is to its function: `live`, `canary 5 %`, `next` … */
export function roleOf({ live, canary, aliases }: FunctionView, number: number): string {
  return [
    ...(live?.number === number ? ['live'] : []),
    ...(canary?.version === number ? [`canary ${percent(canary.weight)}`] : []),
    ...Object.entries(aliases).flatMap(([alias, of]) => (of === number ? [alias] : [])),
  ].join(', ');
}

/** One sentence, with the address. */
export function deployedText({ name, live, added, active, aliases }: DeployedView, url: string): string {
  const at = `${url}/fn/${name}`;
  const { number } = added;
  const tier = tierText(added);
  const waiting = active ? '' : ', and waits for an admin to activate it';
  if (live?.number === number) return `${name}@${number} is live (${tier})${waiting}: ${at}`;
  const alias = Object.keys(aliases).find((key) => aliases[key] === number);
  return `${name}@${number} is deployed (${tier}), and not live${waiting}: ${at}@${alias ?? number}`;
}

/** One sentence. */
export function releaseText({ name, live, canary, aliases }: FunctionView): string {
  const others = Object.entries(aliases).map(([alias, number]) => `${alias} is @${number}`);
  return [
    live === null ? `no version of ${name} is live` : `${name}@${live.number} is live`,
    ...(canary === null ? [] : [`@${canary.version} takes ${percent(canary.weight)}`]),
    ...others,
  ].join(', ');
}

const percent = (weight: number): string => `${Math.round(weight * 10_000) / 100} %`;
