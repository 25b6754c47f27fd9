/** node:stream/promises. */

import { finished as watch, type FinishedOptions } from '../stream/finished.ts';
import { isOptions, runPipeline, type PipelineOptions } from '../stream/pipeline.ts';

export function finished(stream: unknown, options: FinishedOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = watch(stream, options, (error) => {
      if (options.cleanup === true) stop();
      if (error) reject(error);
      else resolve();
    });
  });
}

export async function pipeline(...args: unknown[]): Promise<unknown> {
  const options = isOptions(args.at(-1)) ? (args.pop() as PipelineOptions) : {};
  return await runPipeline(args, options);
}

const all: object = { finished, pipeline };

export default all;
