/** The public API of the package. */

export type { CordonOptions } from './config.ts';
export type { Deployment, SourceFiles } from './core/deployment.ts';
export type { ExecutionOutcome, ExecutionRequest, ExecutionResult } from './core/execution.ts';
export { Fault, type FaultCode } from './core/faults.ts';
export type { FunctionRecord, VersionRecord } from './core/function-record.ts';
export {
  createCordon,
  type Cordon,
  type FunctionName,
  type InvokeRequest,
  type InvokeResult,
  type ListRequest,
} from './library.ts';
