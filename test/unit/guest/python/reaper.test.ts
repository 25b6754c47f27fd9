/** The Python agent as the first process of its namespace, which inherits what others leave behind. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { pythonAgents } from '../../../support/python-agent.ts';

const UNSHARE = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];

function unavailable(): string | false {
  try {
    execFileSync(UNSHARE[0] as string, [...UNSHARE.slice(1), 'true'], { stdio: 'pipe' });
    return false;
  } catch (error) {
    return `unshare makes no namespaces here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  }
}

const agents = pythonAgents(UNSHARE);

test('orphans are reaped, and the statuses of a function’s own children are not', { skip: unavailable() }, async () => {
  const sandbox = await agents.open(`
import os, subprocess
own = None
def states():
    found = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            with open(f'/proc/{name}/stat') as file: found[int(name)] = file.read().rpartition(') ')[2][0]
    return found
def handler(event, context):
    global own
    what = event['body']
    if what == 'begin':
        assert os.getpid() == 1
        own = subprocess.Popen(['/bin/sh', '-c', 'exit 3'])
        for _ in range(5): subprocess.run(['/bin/sh', '-c', '(exec /bin/sh -c "exit 0") & exit 0'])
    if what == 'orphans':
        return [pid for pid, state in states().items() if pid not in (1, own.pid)]
    if what == 'own':
        return [states()[own.pid], own.wait()]
    return None`);
  const call = async (what: string): Promise<unknown> =>
    JSON.parse((await sandbox.call({ body: Buffer.from(JSON.stringify(what)) })).body);
  await call('begin');
  // A call that ends reaps what has ended by then.
  while (((await call('orphans')) as number[]).length > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await call('own'), ['Z', 3]);
  assert.deepEqual(sandbox.agent.broken, []);
});
