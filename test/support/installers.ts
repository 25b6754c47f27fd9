/**
 * Installers without a container: the functions by which npm and pip are run, called right here. What they do with files
 * and registries is the same; that they can't do more is for tests of the containers.
 */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { InvocationOutcome, InvocationRequest, RunningInvocation } from '../../src/core/whole-invocation.ts';
import npm from '../../src/guest/vendoring/npm.ts';
import { unpackFiles } from '../../src/lib/packed-files.ts';

type Response3 = NonNullable<InvocationOutcome['response']>;

/** As WSGI: the request's body on standard input, the status and the body of the answer on standard output. */
const WSGI = `
import io, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + '/.cordon/packages']
import main
out, sys.stdout = sys.stdout, sys.stderr
body = sys.stdin.buffer.read()
status = []
chunks = main.app({'wsgi.input': io.BytesIO(body), 'CONTENT_LENGTH': str(len(body))}, lambda text, headers: status.append(text))
out.buffer.write(status[0][:3].encode() + b''.join(chunks))
`;

/** Stands for the supervisor's `run`; `seen` is told of each version. */
export function runHere(
  seen: (version: FunctionVersion) => void = () => undefined,
): (version: FunctionVersion, request: InvocationRequest) => RunningInvocation {
  return (version, request) => {
    seen(version);
    const response = version.runtime === 'python' ? callPython(version, request) : callNode(request);
    const outcome = response.then((response3): InvocationOutcome => ({
      id: '1',
      response: response3,
      fault: null,
      logs: [],
      durationMs: 1,
    }));
    return { id: '1', outcome, cancel: () => undefined };
  };
}

async function callNode({ body }: InvocationRequest): Promise<Response3> {
  const request = new Request('http://localhost/', { method: 'POST', body: body as Uint8Array<ArrayBuffer> });
  const response = await npm.fetch(request);
  return { status: response.status, headers: [], body: await response.bytes() };
}

async function callPython({ artifact }: FunctionVersion, { body }: InvocationRequest): Promise<Response3> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-pip-'));
  try {
    for (const [path, content] of unpackFiles(artifact.code).files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const child = spawn('python3', ['-I', '-S', '-c', WSGI, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(body);
    const [out, said, [code]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'close')]);
    if (code !== 0) throw new Error(said.toString());
    return { status: Number(out.toString('latin1', 0, 3)), headers: [], body: out.subarray(3) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Why an installer of this machine can't be tried here; false where it can. In CI nothing may be missing. */
export async function missingInstaller(name: 'npm' | 'pip'): Promise<string | false> {
  const command = { npm: ['npm', '--version'], pip: ['python3', '-I', '-m', 'pip', '--version'] }[name];
  try {
    await promisify(execFile)(command[0]!, command.slice(1));
    return false;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return `${name} is not installed`;
  }
}
