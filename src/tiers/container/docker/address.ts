/** Address: the Unix socket on which a Docker-compatible engine of this machine answers. */

import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { Fault } from '../../../core/faults.ts';

const UNIX = 'unix://';
/** The kernel's bound, without the byte that ends it. */
const MAX_SOCKET_PATH_BYTES = 107;

export interface AddressOptions {
  /** As in DOCKER_HOST: `unix:///path`. Empty or null: the usual places are looked at. */
  readonly host: string | null;
  /** XDG_RUNTIME_DIR, where an ordinary user's Podman answers. */
  readonly runtimeDir: string | null;
}

/** Throws a Fault (TIER_UNAVAILABLE) for an address that can't be used, and where none is given and none found. */
export function findSocket({ host, runtimeDir }: AddressOptions): string {
  if (host !== null && host !== '') return socketOf(host);
  const places = usualPlaces(runtimeDir);
  const found = places.find(isSocket);
  if (found === undefined)
    throw new Fault('TIER_UNAVAILABLE', `No container engine answers here: there is no socket at ${places.join(', ')}`);
  return found;
}

function socketOf(host: string): string {
  if (!host.startsWith(UNIX)) {
    const scheme = /^([a-z]+):\/\//.exec(host)?.[1] ?? null;
    const why =
      scheme === null
        ? 'it names no protocol'
        : `${scheme}:// leads to an engine that may be on another machine, and a container's channel is a socket of this one that has to be bind-mounted`;
    throw new Fault('TIER_UNAVAILABLE', `DOCKER_HOST must be unix:///path/of/the/socket: ${why}`);
  }
  const path = host.slice(UNIX.length);
  if (!isAbsolute(path) || path.includes('\0') || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw new Fault(
      'TIER_UNAVAILABLE',
      `DOCKER_HOST must be unix:// and an absolute path of at most ${MAX_SOCKET_PATH_BYTES} bytes, not ${JSON.stringify(path.slice(0, 200))}`,
    );
  return path;
}

function usualPlaces(runtimeDir: string | null): readonly string[] {
  const ofUser = runtimeDir !== null && isAbsolute(runtimeDir) ? [`${runtimeDir}/podman/podman.sock`] : [];
  return ['/var/run/docker.sock', '/run/podman/podman.sock', ...ofUser];
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
