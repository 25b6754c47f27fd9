/** The root of JavaScript: the Node that the wall shows anyway, and the native guest as one script. */

import { bundleGuest } from '../../../lib/bundles.ts';
import { NATIVE_MODULES } from '../../native-guest.ts';
import { CHANNEL, COMMON_ENV, SCRATCH, type RuntimeRoot } from './runtime-root.ts';
import { CERTIFICATES, type RootFile } from './root.ts';

/** FFI stays: it is how the script that comes first puts the filter on, and gives no more than native addons do. */
const FLAGS = ['--disable-warning=ExperimentalWarning'];

export async function nodeRoot(common: readonly RootFile[], cacheDir: string): Promise<RuntimeRoot> {
  const script = await bundleGuest(new URL('../../../guest/agent/node.ts', import.meta.url), cacheDir, {
    name: 'container-agent',
    platform: 'node',
    replace: NATIVE_MODULES,
    minify: true,
  });
  return {
    detail: `Node ${process.version}`,
    command: {
      script,
      nodeFlags: FLAGS,
      args: [CHANNEL, SCRATCH],
      files: common,
      env: { ...COMMON_ENV, SSL_CERT_FILE: CERTIFICATES },
    },
  };
}
