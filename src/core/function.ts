/** Function: a named piece of user code that a tenant owns. Version: its immutable content. */

import type { BoundSecret, EgressRule } from './egress.ts';
import { Fault } from './faults.ts';
import type { CapabilityName } from './grants.ts';
import type { Limits } from './limits.ts';
import type { Runtime } from './runtime.ts';
import type { TierName } from './tier.ts';
import type { WallLevel } from './wall-level.ts';

/** The set of functions that may share an executor. */
export type CordonKind = 'function' | 'tenant' | 'shared';

/** `module`: exports decide the convention. `script`: a body with top-level `return`. */
export type HandlerKind = 'module' | 'script';

export const ARTIFACT_FORMATS = ['script', 'module', 'source', 'files'] as const;
export type ArtifactFormat = (typeof ARTIFACT_FORMATS)[number];

/** What a sandbox loads: the builder's output, or (for `POST /execute`) a source that the engine compiles itself. */
export interface Artifact {
  /**
   * `script`: one classic script whose value is a function that evaluates the code and returns its exports. `module`: an
   * ES module (top-level await keeps it one). `source`: not built; the engine decides. `files`: a folder, packed as
   * lib/packed-files.ts says, for a runtime that loads files by itself.
   */
  readonly format: ArtifactFormat;
  readonly code: Uint8Array;
  /** V8 code cache, made by the builder with the executors' V8 flags; `null` where there is none. */
  readonly cache: Uint8Array | null;
  /** `await` was lowered, so that context survives it and invocations may interleave in one sandbox. */
  readonly interleaves: boolean;
  /** Source map of the code, JSON of version 3 without the sources' text, gzipped; as untrusted as the code. */
  readonly map?: Uint8Array | null;
}

/** Cross-origin rules that the gateway applies, so that a function need not. */
export interface CorsRule {
  /** `*`, or origins as a browser writes them. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

/** What whoever deploys decides, and what never changes afterwards. */
export interface VersionSettings {
  readonly tier: TierName;
  /** The language that it is written in. */
  readonly runtime: Runtime;
  readonly cordon: CordonKind;
  readonly handler: HandlerKind;
  /** The export that `handler(event, context)` is looked up by. */
  readonly handlerName: string;
  readonly limits: Limits;
  /** `stream`: the function starts before the request body has ended. */
  readonly requestBody: 'buffer' | 'stream';
  /** Whether the request's `Authorization` header reaches the function. */
  readonly passAuthorization: boolean;
  /** On /functions/v1: refuse a request without a valid JWT. */
  readonly verifyJwt: boolean;
  readonly cors: CorsRule | null;
  readonly egress: EgressRule;
  /** The host services that it may call by `ctx`. */
  readonly capabilities: readonly CapabilityName[];
  /** Whether strings and bytes may become code: `eval`, `Function`, `WebAssembly` of bytes. Default false. */
  readonly codeGeneration: boolean;
  /** Behind a weaker wall it is not run. Null: what is enough for the operator is enough. */
  readonly minimumWall: WallLevel | null;
}

/** A version that can run: its content, and the environment that it was granted. */
export interface FunctionVersion extends VersionSettings {
  /**
   * Names this version for pools and logs: `tenant/name@number`, with `+revision` once its environment has changed, or the
   * content hash of an execution.
   */
  readonly key: string;
  readonly tenant: string;
  readonly name: string;
  readonly number: number;
  readonly hash: string;
  /** With the platform's, the tenant's and the function's variables merged in. */
  readonly env: Readonly<Record<string, string>>;
  /** Values that must not appear in a log or a response header. */
  readonly secrets: readonly string[];
  readonly boundSecrets: readonly BoundSecret[];
  /** Used once and thrown away, as `POST /execute` promises. */
  readonly ephemeral: boolean;
  readonly artifact: Artifact;
}

const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;

/** Names appear in URLs, hostnames and file names, so all kinds obey the same narrow rule. */
export function requireName(kind: 'function' | 'tenant' | 'alias', name: string): string {
  if (NAME.test(name)) return name;
  throw new Fault(
    'BAD_REQUEST',
    `${JSON.stringify(name.slice(0, 80))} is not a name of a ${kind}: 1 to 63 lower-case letters, digits, - and _, beginning and ending with a letter or digit`,
  );
}
