/**
 * What the host and a builder child say to each other: one CALL that brings the sources, one REPLY that brings the outcome,
 * and between them an ASK for each module that an import names by address, answered by ANSWER_HEAD and the module's bytes
 * or by ANSWER_FAIL. Each is a meta followed by raw bytes, as every frame with a meta is.
 */

/** The frame's body is the contents of `files`, in their order. */
export interface BuildRequest {
  readonly entry: string;
  readonly handler: 'module' | 'script';
  /** What will run it: a bare engine with the web's API, or a whole Node. */
  readonly engine: 'web' | 'node';
  /** A larger bundle is not worth sending. */
  readonly maxBundleBytes: number;
  /** A larger cache or source map is left out. */
  readonly maxAttachmentBytes: number;
  /** Whether the host fetches what an ASK names. */
  readonly fetches: boolean;
  readonly files: readonly (readonly [path: string, bytes: number])[];
}

/** The meta of an ASK, whose kind is `module`. */
export interface ModuleAsk {
  readonly url: string;
}

/** The meta of its answer. */
export interface ModuleHead {
  /** After redirects. */
  readonly url: string;
  readonly contentType: string;
}

/** Where the files of a project keep a module that was fetched for it: one JSON line, a {@link KeptHead}, then its bytes. */
export const KEPT_MODULES = '.cordon/modules/';

export interface KeptHead extends ModuleHead {
  /** As the import names it. */
  readonly asked: string;
}

export type BuildReply =
  | {
      readonly kind: 'built';
      readonly format: 'script' | 'module';
      /** The frame's body is the code, then its V8 cache, then its source map. */
      readonly codeBytes: number;
      readonly cacheBytes: number;
      readonly mapBytes: number;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'oversized'; readonly codeBytes: number }
  /** `message` is one sentence; `issues` are code frames of several lines, one an error; `missing` are names of modules. */
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly issues: readonly string[];
      readonly missing: readonly string[];
    };
