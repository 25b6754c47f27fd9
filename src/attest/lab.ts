/** Lab: what one attack has in its hands, and what watches it: every answer is searched for what nobody may be told. */

import type { TierName } from '../core/tier.ts';
import type { Answer, Deployed, Ground, Lab, RawAnswer, RawOptions, Sent, Source } from './attack.ts';
import type { HttpClient } from './http-client.ts';

export interface Attacker {
  readonly tenant: string;
  readonly host: string;
  readonly token: string;
}

export interface LabOptions extends Attacker {
  readonly ground: Ground;
  readonly client: HttpClient;
  readonly tier: TierName | null;
  readonly slowness: number;
  /** Begins the names of its functions. */
  readonly prefix: string;
}

const TIMEOUT_MS = 1_000;
const MEMORY_MB = 64;
/** What collapsed under somebody else's attack is asked for again. */
const ATTEMPTS = 4;
/** Code that is too slow by itself is so again. */
const ATTEMPTS_IN_TIME = 2;
const PATIENCE_MS = 500;

let count = 0;

export class AttackLab implements Lab {
  readonly ground: Ground;
  readonly tier: TierName | null;
  readonly tenant: string;
  readonly host: string;
  readonly token: string;
  readonly slowness: number;
  readonly #options: LabOptions;
  readonly #deployed: string[] = [];
  #leak: string | null = null;

  constructor(options: LabOptions) {
    const { ground, tier, tenant, host, token } = options;
    this.ground = ground;
    this.tier = tier;
    this.tenant = tenant;
    this.host = host;
    this.token = token;
    this.slowness = options.slowness;
    this.#options = options;
  }

  /** The first answer that held a secret; null: none did. */
  get leak(): string | null {
    return this.#leak;
  }

  async deploy(source: string | Source): Promise<Deployed> {
    const name = `${this.#options.prefix}-${++count}`;
    const json = {
      timeoutMs: TIMEOUT_MS,
      memoryMb: MEMORY_MB,
      tenant: this.tenant,
      ...(this.tier === null ? {} : { tier: this.tier }),
      // With everybody in one tenant, what an attack breaks is to be its own.
      ...(this.ground.domain === null ? { cordon: 'function' } : {}),
      ...(typeof source === 'string' ? { code: source } : source),
    };
    this.#deployed.push(name);
    let answer = await this.#put(name, json);
    for (let i = 1; i < attemptsAfter(answer); i++) {
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
      answer = await this.#put(name, json);
    }
    if (answer.status >= 300) return { ok: false, answer };
    return {
      ok: true,
      name,
      call: (sent = {}) => this.send({ ...sent, path: `/fn/${name}${sent.path ?? ''}` }),
    };
  }

  async send(sent: Sent): Promise<Answer> {
    const answer = await this.#options.client.send({ host: this.host, ...sent });
    this.#search(answer.text);
    for (const value of Object.values(answer.headers)) this.#search(value);
    return answer;
  }

  async asAttacker(sent: Sent): Promise<Answer> {
    const answer = await this.send({ host: this.ground.operatorHost, token: this.token, ...sent });
    return answer;
  }

  asOperator(sent: Sent): Promise<Answer> {
    const { operatorHost, operatorToken } = this.ground;
    return this.#options.client.send({ host: operatorHost, token: operatorToken, ...sent });
  }

  async raw(bytes: string | Uint8Array, options?: RawOptions): Promise<RawAnswer> {
    const answer = await this.#options.client.raw(bytes, options);
    this.#search(answer.text);
    return answer;
  }

  /** Takes away what the attack has deployed. */
  async clean(): Promise<void> {
    for (const name of this.#deployed.splice(0))
      await this.asOperator({ path: `/api/v1/functions/${name}?tenant=${this.tenant}`, method: 'DELETE' });
  }

  #put(name: string, json: object): Promise<Answer> {
    return this.asAttacker({ path: `/api/v1/functions/${name}`, method: 'PUT', json });
  }

  #search(text: string): void {
    if (this.#leak !== null) return;
    const secret = this.ground.secrets.find((one) => text.includes(one));
    if (secret === undefined) return;
    const at = text.indexOf(secret);
    this.#leak = text.slice(Math.max(0, at - 60), at) + '<a secret>';
  }
}

/** What need not have been this deployment's doing: who shares a machine with attacks may be late, or in what they end. */
function attemptsAfter({ status, text }: Answer): number {
  if (status === 503 || status === 429 || (status === 422 && text.includes('recycled'))) return ATTEMPTS;
  return status === 422 && text.includes('timed out') ? ATTEMPTS_IN_TIME : 1;
}
