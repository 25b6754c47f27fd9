/** The error for a chunk that is null, which means the end to a readable. */

import { codedTypeError } from '../lib/errors.ts';

export const nullChunk = (): Error => codedTypeError('ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
