/**
 * Descriptors that the host itself inherited from whoever started it. Node closes its own before another program runs,
 * but not these, and an open file or socket goes through any wall. Each is replaced by one of /dev/null in the child.
 */

import { openSync, readFileSync, readdirSync } from 'node:fs';
import type { StdioOptions } from 'node:child_process';

const O_CLOEXEC = 0o2000000;

let inherited: readonly number[] | null = null;
let devNull = -1;

/** The stdio of a child: the first few as given, and nothing of the host's in any other. */
export function closedStdio(first: readonly ('ignore' | 'pipe')[]): StdioOptions {
  // What was inherited was there from the start; it is looked for once, as a busy host has thousands of descriptors.
  inherited ??= inheritedDescriptors();
  const stdio: ('ignore' | 'pipe' | number)[] = [...first];
  for (const descriptor of inherited) {
    if (descriptor < first.length) continue;
    if (devNull < 0) devNull = openSync('/dev/null', 'r');
    while (stdio.length < descriptor) stdio.push('ignore');
    stdio[descriptor] = devNull;
  }
  return stdio;
}

function inheritedDescriptors(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && survivesExec(descriptor))
    .toSorted((a, b) => a - b);
}

function survivesExec(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return (parseInt(flags ?? '0', 8) & O_CLOEXEC) === 0;
  } catch {
    // The descriptor that listed the folder is closed again.
    return false;
  }
}
