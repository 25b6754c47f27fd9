/**
 * The V8 flags of every process that runs tenant code or makes code caches for it.
 *
 * V8 refuses a code cache that was made under other flags, so the builder and the executors start with these very ones.
 */

/** In the order in which they are given: V8 hashes flags as they are set. */
export const EXECUTOR_V8_FLAGS: readonly string[] = [
  // A loop that turboshaft has unrolled can't be interrupted: `for(;;)new Array(1000).fill(1)` ignored every timeout.
  '--no-turboshaft-loop-unrolling',
];

/** For the command line of `node`. isolated-vm needs a process without a start-up snapshot. */
export const NODE_FLAGS: readonly string[] = ['--no-node-snapshot', ...EXECUTOR_V8_FLAGS];
