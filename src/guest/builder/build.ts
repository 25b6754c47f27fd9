/** Build: from sources to the one script (or module) that a sandbox loads, with its code cache and its source map. */

import * as esbuild from 'esbuild';
import type { BuildRequest } from '../../wire/build-messages.ts';
import { bundle, type Bundle, type Surroundings } from './bundle.ts';
import { check, compile } from './compile.ts';
import { describeErrors, describeSyntaxError, warningLines, type Diagnosis } from './diagnosis.ts';
import { ImportMapError } from './import-map.ts';
import type { NodeModules } from './node-modules.ts';
import { Project } from './project.ts';
import { RemoteModules, type FetchModule } from './remote-modules.ts';
import { packedMap } from './source-map.ts';

export type BuildOutcome =
  | {
      readonly kind: 'built';
      readonly format: 'script' | 'module';
      readonly code: Uint8Array;
      readonly cache: Uint8Array | null;
      /** Gzipped. */
      readonly map: Uint8Array | null;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'oversized'; readonly codeBytes: number }
  | ({ readonly kind: 'failed' } & Diagnosis);

export interface BuildTools {
  readonly node: NodeModules;
  readonly fetchModule: FetchModule;
}

/** Never rejects: whatever goes wrong is the source's doing, or is reported as if it were. */
export async function build(
  dir: string,
  request: BuildRequest,
  contents: Uint8Array,
  { node, fetchModule }: BuildTools,
): Promise<BuildOutcome> {
  const project = new Project(dir, request, contents);
  const surroundings: Surroundings = { node, remote: new RemoteModules(project, request.fetches ? fetchModule : null) };
  try {
    project.write();
    return finish(project, await bundle(project, surroundings), request);
  } catch (error) {
    return { kind: 'failed', ...diagnose(error, project) };
  }
}

/** Starts esbuild's own process and has Node compile its client, before a source comes. */
export async function warmUp(): Promise<void> {
  await esbuild.transform('export default 1', { loader: 'ts' });
}

function finish(project: Project, { format, code, sourceMap, warnings }: Bundle, limits: BuildRequest): BuildOutcome {
  if (code.length > limits.maxBundleBytes) return { kind: 'oversized', codeBytes: code.length };
  let cache: Uint8Array | null = null;
  if (format === 'script') {
    try {
      // A cache is made under the flags of one engine.
      if (project.engine === 'node') check(code);
      else cache = compile(code);
    } catch (error) {
      return { kind: 'failed', ...describeSyntaxError(error, sourceMap, project) };
    }
  }
  const fitting = (attachment: Uint8Array | null): Uint8Array | null =>
    attachment !== null && attachment.length <= limits.maxAttachmentBytes ? attachment : null;
  return {
    kind: 'built',
    format,
    code,
    cache: fitting(cache),
    map: sourceMap === null ? null : fitting(packedMap(sourceMap, project)),
    warnings: warningLines(warnings, project),
  };
}

function diagnose(error: unknown, project: Project): Diagnosis {
  const errors = (error as Partial<esbuild.BuildFailure>).errors;
  if (errors !== undefined && errors.length > 0) return describeErrors(errors, project);
  const { message } = error as Error;
  if (error instanceof ImportMapError) return { message, issues: [], missing: [] };
  const [reason] = message.split('\n', 1);
  return { message: `The bundler could not cope with this source: ${reason}`, issues: [], missing: [] };
}
