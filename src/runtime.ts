/**
 * The composition root: the only place that knows every part, and wires them. `runtime/parts.ts` makes the parts that run
 * functions, `runtime/server.ts` puts HTTP in front of them.
 */

export { startParts, type Parts } from './runtime/parts.ts';
export { startServer, type RunningServer } from './runtime/server.ts';
export type { TierStatus } from './runtime/tiers.ts';
export { backupDatabase, exportDatabase, importDatabase } from './storage/transfer.ts';
export { examine, type Examination, type Finding, type Health } from './runtime/doctor.ts';
export { compareTiers, type Comparison, type Row } from './runtime/comparison/comparison.ts';
