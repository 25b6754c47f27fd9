/** FarSide: what a session says to an executor of ours, and where another kind of far side differs. */

import type { FunctionVersion } from '../core/function.ts';
import type { OpenMeta } from './frames.ts';

export interface FarSide {
  /** What an OPEN frame carries. */
  opening(version: FunctionVersion): { readonly meta: object; readonly body: Uint8Array | null };
  /** What it may ask for when it lacks it, once for each sandbox; null: OPEN has everything. */
  readonly content: ((version: FunctionVersion) => Uint8Array) | null;
  /** Codes of the platform's own faults that it may end a call with. An executor may use none: it would blame the host. */
  readonly platformFaults: ReadonlySet<string>;
  /** How long after its deadline a call may still be ended by the far side itself, which knows more. */
  readonly overrunGraceMs: number;
}

/** An executor: a child process of this host. */
export const EXECUTOR: FarSide = {
  opening(version) {
    const { artifact, limits } = version;
    const meta: OpenMeta = {
      format: artifact.format,
      codeBytes: artifact.code.length,
      interleaves: artifact.interleaves,
      codeGeneration: version.codeGeneration,
      functionName: version.name,
      handler: version.handler,
      handlerName: version.handlerName,
      memoryMb: limits.memoryMb,
      responseBytes: limits.responseBytes,
      logBytes: limits.logBytes,
      cpuMs: limits.cpuMs,
      pendingTimers: limits.pendingTimers,
      env: version.env,
    };
    const body = artifact.cache === null ? artifact.code : Buffer.concat([artifact.code, artifact.cache]);
    return { meta, body };
  },
  content: null,
  platformFaults: new Set(),
  overrunGraceMs: 600,
};
