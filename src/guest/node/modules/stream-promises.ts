/** node:stream/promises. */

import { promises } from './stream.ts';

export const finished: typeof promises.finished = promises.finished;
export const pipeline: typeof promises.pipeline = promises.pipeline;
export default promises;
