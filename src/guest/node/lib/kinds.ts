/** What a value is, whatever its prototype says: by the methods that only such a value has the slots for. */

const { getPrototypeOf, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether `method` finds in the value what it works on. */
function accepts(method: unknown, value: unknown, ...args: unknown[]): boolean {
  if (!isObject(value)) return false;
  try {
    apply(method as () => unknown, value, args);
    return true;
  } catch {
    return false;
  }
}

const getterOf = (prototype: object, key: PropertyKey): unknown => getOwnPropertyDescriptor(prototype, key)?.get;
const typedArrayName = getterOf(getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag) as () => unknown;

const nameOfView = (value: unknown): unknown =>
  ArrayBuffer.isView(value) ? apply(typedArrayName, value, []) : undefined;
const isView =
  (name: string) =>
  (value: unknown): boolean =>
    nameOfView(value) === name;
const tagOf = (value: unknown): string => Object.prototype.toString.call(value);

export const isDate = (value: unknown): value is Date => accepts(Date.prototype.getTime, value);
export const isRegExp = (value: unknown): value is RegExp =>
  accepts(getterOf(RegExp.prototype, 'flags'), value) && tagOf(value) === '[object RegExp]';
export const isMap = (value: unknown): value is Map<unknown, unknown> =>
  accepts(getterOf(Map.prototype, 'size'), value);
export const isSet = (value: unknown): value is Set<unknown> => accepts(getterOf(Set.prototype, 'size'), value);
export const isWeakMap = (value: unknown): boolean => accepts(WeakMap.prototype.has, value, {});
export const isWeakSet = (value: unknown): boolean => accepts(WeakSet.prototype.has, value, {});
export const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise;
export const isNativeError = (value: unknown): value is Error =>
  (Error as unknown as { isError(value: unknown): boolean }).isError(value);
export const isArrayBuffer = (value: unknown): value is ArrayBuffer =>
  accepts(getterOf(ArrayBuffer.prototype, 'byteLength'), value);
export const isDataView = (value: unknown): value is DataView =>
  ArrayBuffer.isView(value) && nameOfView(value) === undefined;
export const isArrayBufferView = (value: unknown): value is ArrayBufferView => ArrayBuffer.isView(value);
export const isTypedArray = (value: unknown): boolean => nameOfView(value) !== undefined;
export const isUint8Array: (value: unknown) => boolean = isView('Uint8Array');
export const isUint8ClampedArray: (value: unknown) => boolean = isView('Uint8ClampedArray');
export const isUint16Array: (value: unknown) => boolean = isView('Uint16Array');
export const isUint32Array: (value: unknown) => boolean = isView('Uint32Array');
export const isInt8Array: (value: unknown) => boolean = isView('Int8Array');
export const isInt16Array: (value: unknown) => boolean = isView('Int16Array');
export const isInt32Array: (value: unknown) => boolean = isView('Int32Array');
export const isFloat32Array: (value: unknown) => boolean = isView('Float32Array');
export const isFloat64Array: (value: unknown) => boolean = isView('Float64Array');
export const isBigInt64Array: (value: unknown) => boolean = isView('BigInt64Array');
export const isBigUint64Array: (value: unknown) => boolean = isView('BigUint64Array');
export const isNumberObject = (value: unknown): boolean => accepts(Number.prototype.valueOf, value);
export const isStringObject = (value: unknown): boolean => accepts(String.prototype.valueOf, value);
export const isBooleanObject = (value: unknown): boolean => accepts(Boolean.prototype.valueOf, value);
export const isBigIntObject = (value: unknown): boolean => accepts(BigInt.prototype.valueOf, value);
export const isSymbolObject = (value: unknown): boolean => accepts(Symbol.prototype.valueOf, value);
export const isBoxedPrimitive = (value: unknown): boolean =>
  isNumberObject(value) ||
  isStringObject(value) ||
  isBooleanObject(value) ||
  isBigIntObject(value) ||
  isSymbolObject(value);
export const isMapIterator = (value: unknown): boolean => tagOf(value) === '[object Map Iterator]';
export const isSetIterator = (value: unknown): boolean => tagOf(value) === '[object Set Iterator]';
export const isGeneratorObject = (value: unknown): boolean => /^\[object (?:Async)?Generator\]$/.test(tagOf(value));
export const isGeneratorFunction = (value: unknown): boolean =>
  typeof value === 'function' && tagOf(value).endsWith('GeneratorFunction]');
export const isArgumentsObject = (value: unknown): boolean =>
  isObject(value) && !(Symbol.toStringTag in value) && tagOf(value) === '[object Arguments]';
