/**
 * Entry of the builder child: it takes one source, builds it, answers, and waits to be killed.
 *
 * It is started before there is anything to build, so that nobody waits for Node and esbuild to start; it never sees a
 * second source, so that one tenant's code can't reach another's through it.
 */

import { Socket } from 'node:net';
import type { BuildReply, BuildRequest } from '../../wire/build-messages.ts';
import { Connection } from '../../wire/connection.ts';
import { FrameType, MAX_FRAME_TO_GUEST } from '../../wire/frames.ts';
import { metaBody, parseMeta } from '../../wire/meta.ts';
import { build, warmUp, type BuildOutcome } from './build.ts';
import { createNodeModules } from './node-modules.ts';
import { ModuleAsks } from './module-asks.ts';

const CHANNEL_FD = 3;
/** Where the sources go, to which the host gave a name that no other build has; and where Node's modules are. */
const [projectDir = '', nodeModulesFile = ''] = process.argv.slice(2);

const node = createNodeModules(nodeModulesFile);
await warmUp();
const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
let asks: ModuleAsks | null = null;
const connection = new Connection(channel, {
  maxFrameBytes: MAX_FRAME_TO_GUEST,
  onFrame: (type, stream, payload) => {
    if (type === FrameType.CALL) void answer(stream, payload);
    else asks?.receive(type, payload);
  },
  onClose: () => process.exit(0),
});
connection.send(FrameType.READY, 0);

async function answer(stream: number, payload: Buffer): Promise<void> {
  const own = new ModuleAsks((meta) => connection.sendMeta(FrameType.ASK, stream, meta, null));
  asks = own;
  const tools = { node, fetchModule: (url: string) => own.fetch(url) };
  const outcome = await build(projectDir, parseMeta(payload) as BuildRequest, metaBody(payload), tools);
  const [reply, body] = encode(outcome);
  connection.sendMeta(FrameType.REPLY, stream, JSON.stringify(reply), body);
}

function encode(outcome: BuildOutcome): [reply: BuildReply, body: Uint8Array | null] {
  if (outcome.kind !== 'built') return [outcome, null];
  const { format, code, cache, map, warnings } = outcome;
  const reply = { codeBytes: code.length, cacheBytes: cache?.length ?? 0, mapBytes: map?.length ?? 0 };
  return [
    { kind: 'built', format, warnings, ...reply },
    Buffer.concat([code, cache, map].filter((part) => part !== null)),
  ];
}
