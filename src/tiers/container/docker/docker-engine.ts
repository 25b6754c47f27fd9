/**
 * The engine `docker`: containers of whatever speaks Docker's API on a socket of this machine, which are Docker and
 * Podman. Images are ours, made from a template; what keeps a container in is said in full by container-spec.ts.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../../core/faults.ts';
import { RUNTIMES, type Runtime } from '../../../core/runtime.ts';
import type { Architecture } from '../../../walls/seccomp/calls.ts';
import { profileNamed } from '../../../walls/seccomp/profiles.ts';
import { makeTemporary } from '../../../walls/temporary.ts';
import { UidAllocator } from '../../../walls/uids.ts';
import type { ContainerEngine, ContainerOrder, ContainerProcess } from '../engine.ts';
import { findSocket, type AddressOptions } from './address.ts';
import { openChannel } from './channel.ts';
import { containerSpec } from './container-spec.ts';
import { startContainer } from './container.ts';
import { Daemon, DaemonRefusal, type DaemonInfo } from './daemon.ts';
import { ensureImage } from './images.ts';
import { LABEL, thisInstance, type Instance } from './labels.ts';
import { removeLeftovers, removeOwn } from './leftovers.ts';
import { templateOf, type RuntimeOptions } from './runtimes.ts';
import { seccompJson } from './seccomp-json.ts';
import type { Template } from './templates.ts';

export interface DockerEngineOptions extends Omit<RuntimeOptions, 'baseImages'> {
  readonly address: AddressOptions;
  readonly baseImages?: RuntimeOptions['baseImages'];
  /** Null where the host is an ordinary user: then they come from a range of the engine's own. */
  readonly uids: UidAllocator | null;
  /** Of what the engine should do in no time; 20 s by default. */
  readonly callDeadlineMs?: number;
}

export function createDockerEngine(options: DockerEngineOptions): ContainerEngine {
  return new DockerEngine(options);
}

/** Of the container's own user namespace, where the engine is an ordinary user's; such have 65,536 of them. */
const OWN_UIDS = { first: 64_000, count: 1_000 };
const NO_IMAGE = 404;
const PRODUCTS: Readonly<Record<DaemonInfo['product'], string>> = { docker: 'Docker', podman: 'Podman' };
/** Docker takes a profile, Podman the path of its file. */
const SECCOMP_IN: Readonly<Record<DaemonInfo['product'], (json: string, workDir: string) => string>> = {
  docker: (json) => json,
  podman: (json, workDir) => {
    const path = join(workDir, 'seccomp.json');
    writeFileSync(path, json);
    return path;
  },
};

interface Image {
  readonly id: string;
  readonly template: Template;
}

/** Once the engine has answered. */
interface Contact {
  readonly daemon: Daemon;
  readonly info: DaemonInfo;
  readonly workDir: string;
  /** As the engine takes it. */
  readonly seccomp: string;
}

class DockerEngine implements ContainerEngine {
  readonly name = 'docker';
  readonly #options: DockerEngineOptions;
  readonly #uids: UidAllocator;
  readonly #instance: Instance = thisInstance();
  readonly #images = new Map<Runtime, Promise<Image>>();
  readonly #starting = new Set<Promise<ContainerProcess>>();
  readonly #started = new Set<ContainerProcess>();
  #contact: Promise<Contact> | null = null;
  #count = 0;
  #isClosed = false;

  constructor(options: DockerEngineOptions) {
    this.#options = options;
    this.#uids = options.uids ?? new UidAllocator(OWN_UIDS);
  }

  async runtimes(): Promise<ReadonlyMap<Runtime, string>> {
    const { info } = await this.#reach();
    const found = new Map<Runtime, string>();
    const reasons: string[] = [];
    for (const runtime of RUNTIMES) {
      try {
        const { template } = await this.#imageOf(runtime);
        found.set(runtime, `${template.detail} in ${PRODUCTS[info.product]} ${info.version}`);
      } catch (error) {
        reasons.push(faultOf(error).message);
      }
    }
    if (found.size === 0) throw new Fault('TIER_UNAVAILABLE', reasons.join('; '));
    return found;
  }

  async start(order: ContainerOrder): Promise<ContainerProcess> {
    const starting = this.#startTwice(order);
    this.#starting.add(starting);
    try {
      return await starting;
    } catch (error) {
      throw faultOf(error);
    } finally {
      this.#starting.delete(starting);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#started].map((container) => container.kill()));
    const contact = await this.#contact?.catch(() => null);
    if (contact === null || contact === undefined) return;
    await removeOwn(contact.daemon, this.#instance).catch(() => undefined);
    await contact.daemon.close();
    rmSync(contact.workDir, { recursive: true, force: true });
  }

  async #startTwice(order: ContainerOrder): Promise<ContainerProcess> {
    try {
      return await this.#start(order);
    } catch (error) {
      if (!(error instanceof DaemonRefusal) || error.status !== NO_IMAGE) throw error;
    }
    // Somebody has removed the image meanwhile.
    this.#images.delete(order.runtime);
    return this.#start(order);
  }

  async #start(order: ContainerOrder): Promise<ContainerProcess> {
    const { daemon, workDir, seccomp } = await this.#reach();
    const { id, template } = await this.#imageOf(order.runtime);
    const uid = this.#uids.acquire();
    const number = ++this.#count;
    const release = (): void => this.#uids.release(uid);
    const channel = await openChannel(workDir, String(number)).catch((error: unknown) => {
      release();
      throw error;
    });
    const container = await startContainer({
      daemon,
      name: `cordon-${this.#instance.id}-${number}`,
      spec: containerSpec({
        image: id,
        command: template.command,
        env: template.env,
        labels: { ...this.#instance.labels, [LABEL.runtime]: order.runtime },
        uid,
        channelFolder: channel.folder,
        seccomp,
        order,
      }),
      channel,
      onGone: release,
    });
    this.#started.add(container);
    void container.exited.then(() => this.#started.delete(container));
    // It began while the engine ended.
    if (this.#isClosed) await container.kill();
    return container;
  }

  #imageOf(runtime: Runtime): Promise<Image> {
    let image = this.#images.get(runtime);
    if (image === undefined) {
      image = this.#makeImage(runtime);
      this.#images.set(runtime, image);
      // What was lacking may be there the next time.
      image.catch(() => this.#images.delete(runtime));
    }
    return image;
  }

  async #makeImage(runtime: Runtime): Promise<Image> {
    const { cacheDir, pythonPath, baseImages = {} } = this.#options;
    const { daemon } = await this.#reach();
    const template = await templateOf(runtime, {
      cacheDir,
      baseImages,
      ...(pythonPath !== undefined && { pythonPath }),
    });
    return { id: await ensureImage(daemon, template), template };
  }

  #reach(): Promise<Contact> {
    if (this.#isClosed) return Promise.reject(new Fault('SHUTTING_DOWN', 'The container engine is closed'));
    return (this.#contact ??= this.#connect().catch((error: unknown) => {
      this.#contact = null;
      throw error;
    }));
  }

  async #connect(): Promise<Contact> {
    const architecture = process.arch as Architecture;
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(architecture))
      throw new Fault(
        'TIER_UNAVAILABLE',
        `Containers need Linux on x64 or arm64, not ${process.platform} on ${process.arch}`,
      );
    const { address, callDeadlineMs } = this.#options;
    const daemon = new Daemon(findSocket(address), callDeadlineMs);
    try {
      const info = await daemon.info();
      await removeLeftovers(daemon, this.#instance);
      const profile = profileNamed('container', architecture, { alone: false, startsNode: false });
      const workDir = makeTemporary('docker');
      const seccomp = SECCOMP_IN[info.product](JSON.stringify(seccompJson(profile, architecture)), workDir);
      return { daemon, info, workDir, seccomp };
    } catch (error) {
      await daemon.close();
      throw faultOf(error);
    }
  }
}

/** Whoever runs functions hears of no HTTP. */
function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const reason =
    error instanceof DaemonRefusal ? `The container engine refused: ${error.message}` : (error as Error).message;
  return new Fault('TIER_UNAVAILABLE', reason);
}
