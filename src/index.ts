/** The public API of the package. */

export type { CordonOptions } from './config.ts';
export type { Deployment, FunctionRecord, SourceFiles } from './core/deployment.ts';
export type { ExecutionOutcome, ExecutionRequest, ExecutionResult } from './core/execution.ts';
export { Fault, type FaultCode } from './core/faults.ts';
export { createCordon, type Cordon, type InvokeRequest, type InvokeResult } from './library.ts';
