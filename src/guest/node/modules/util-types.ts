/**
 * node:util/types. What the language does not let anybody find out (proxies, async functions after they were lowered,
 * module namespaces) is not here.
 */

import * as kinds from '../lib/kinds.ts';

export {
  isArgumentsObject,
  isArrayBuffer,
  isArrayBufferView,
  isBigInt64Array,
  isBigIntObject,
  isBigUint64Array,
  isBooleanObject,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isFloat32Array,
  isFloat64Array,
  isGeneratorFunction,
  isGeneratorObject,
  isInt16Array,
  isInt32Array,
  isInt8Array,
  isMap,
  isMapIterator,
  isNativeError,
  isNumberObject,
  isPromise,
  isRegExp,
  isSet,
  isSetIterator,
  isStringObject,
  isSymbolObject,
  isTypedArray,
  isUint16Array,
  isUint32Array,
  isUint8Array,
  isUint8ClampedArray,
  isWeakMap,
  isWeakSet,
} from '../lib/kinds.ts';

/** There is no shared memory. */
export const isSharedArrayBuffer = (): boolean => false;
export const isAnyArrayBuffer: (value: unknown) => boolean = kinds.isArrayBuffer;

const types: typeof kinds & {
  readonly isAnyArrayBuffer: (value: unknown) => boolean;
  readonly isSharedArrayBuffer: (value: unknown) => boolean;
} = { ...kinds, isAnyArrayBuffer, isSharedArrayBuffer };

export default types;
