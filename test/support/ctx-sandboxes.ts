/** Functions of one real tier with the host's services behind their `ctx`. */

import assert from 'node:assert/strict';
import { createCapabilities } from '../../src/capabilities/registry.ts';
import { rpcCapability } from '../../src/capabilities/rpc-capability.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import { CAPABILITY_NAMES } from '../../src/core/grants.ts';
import type { Call } from '../../src/core/invocation.ts';
import type { ItemPermissions } from '../../src/core/items.ts';
import type { Executor, TierTraits } from '../../src/core/tier.ts';
import { makeVersion } from './calls.ts';
import type { TierUnderTest } from './walled-tier.ts';
import { startServices } from './memory-services.ts';
import type { TestServices } from './memory-services.ts';
import { OpenSandbox } from './sandbox.ts';

type Options = Partial<Pick<FunctionVersion, 'capabilities' | 'tenant' | 'handler'>>;

export class CtxSandboxes {
  readonly services: TestServices;
  readonly #subject: TierUnderTest;
  readonly #executor: Executor;
  readonly #broken: string[] = [];
  #count = 0;

  private constructor(services: TestServices, subject: TierUnderTest, executor: Executor) {
    this.services = services;
    this.#subject = subject;
    this.#executor = executor;
    executor.listen({
      onExit: () => undefined,
      onBroken: (reason) => void this.#broken.push(reason),
      onOverrun: () => undefined,
      onLog: () => undefined,
    });
  }

  static async start(startTier: (capabilities: Capabilities) => Promise<TierUnderTest>): Promise<CtxSandboxes> {
    const services = await startServices({ senders: ['robot@example.com'] });
    const subject = await startTier(createCapabilities({ rpc: rpcCapability(services.rpc) }));
    return new CtxSandboxes(services, subject, await subject.tier.spawn());
  }

  get keepsState(): boolean {
    return this.#subject.tier.traits.keepsState !== false;
  }

  get languageWall(): TierTraits['languageWall'] {
    return this.#subject.tier.traits.languageWall;
  }

  async collection(slug: string, permissions: ItemPermissions): Promise<void> {
    await this.services.storage.items.putCollection({ tenant: 'acme', slug, permissions }, 100, Date.now());
  }

  /** With every capability, unless the options say otherwise. */
  async open(code: string, options: Options = {}): Promise<OpenSandbox> {
    const { handler = 'module', capabilities = CAPABILITY_NAMES, tenant = 'acme' } = options;
    const artifact = await this.#subject.build(code, handler);
    const limits = { concurrency: 64, memoryMb: 128 };
    const { name: tier } = this.#subject.tier;
    const version = makeVersion(`c${++this.#count}`, { artifact, handler, capabilities, tenant, tier, limits });
    return new OpenSandbox(this.#executor, version);
  }

  /** What the body of a handler returns, as JSON; see {@link moduleOf}. */
  async run(body: string, call: Partial<Call> = {}, options: Options = {}): Promise<unknown> {
    return JSON.parse((await (await this.open(moduleOf(body), options)).call(call)).body);
  }

  async close(): Promise<void> {
    await this.#executor.kill('the suite is over');
    await this.#subject.close();
    await this.services.close();
    assert.deepEqual([this.#broken, this.services.reported], [[], []]);
  }
}

/** A module whose handler has this body; there `caught(work)` tells name, code and message of what the work rejects with. */
export const moduleOf = (body: string): string => `
  const caught = async (work) => { try { return ['resolved', await work()]; } catch (e) { return [e.name, e.code, e.message]; } };
  export default { async fetch(request, env, ctx) { ${body} } }`;
