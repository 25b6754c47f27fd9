/** What the compiler is told of WebAssembly: neither Node's types nor the language's own name it. */

declare namespace WebAssembly {
  const moduleBrand: unique symbol;
  /** Opaque. */
  interface Module {
    readonly [moduleBrand]: true;
  }
  const Module: new (bytes: Uint8Array) => Module;
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** Returns how many pages there were; throws a RangeError past the maximum. */
    grow(pages: number): number;
  }
  interface Global<_Type extends string> {
    value: number;
  }
  type Imports = Readonly<Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>>;
}
