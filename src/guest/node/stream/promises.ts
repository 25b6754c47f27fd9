/** The callbacks of node:stream as promises. */

import { finished as watch, type FinishedOptions } from './finished.ts';
import { isOptions, runPipeline, type PipelineOptions } from './pipeline.ts';

function finished(stream: unknown, options: FinishedOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = watch(stream, options, (error) => {
      if (options.cleanup === true) stop();
      if (error) reject(error);
      else resolve();
    });
  });
}

async function pipeline(...args: unknown[]): Promise<unknown> {
  const options = isOptions(args.at(-1)) ? (args.pop() as PipelineOptions) : {};
  return await runPipeline(args, options);
}

export const promises: { readonly finished: typeof finished; readonly pipeline: typeof pipeline } = {
  finished,
  pipeline,
};
