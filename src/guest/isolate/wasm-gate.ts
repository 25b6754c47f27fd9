/**
 * WasmGate: whether, and of what, an isolate may make WebAssembly. Modules that were deployed with the function are made
 * while it loads; later ones need its permission to make code. Until one of the two comes up, there is no WebAssembly.
 */

import * as modules from '../web/modules.ts';
import { bytesOfBase64, hide } from '../web/primordials.ts';
import type { GuestWasm, NativeWasm } from '../web/web-assembly.ts';

const MB = 1024 * 1024;

export class WasmGate {
  readonly #native: NativeWasm;
  #wasm: GuestWasm | null = null;
  #maxBytes = 0;
  #isLoading = true;
  #mayCompile = false;

  constructor(native: unknown) {
    this.#native = native as NativeWasm;
  }

  /** `memoryMb` bounds its memories, beside the heap. */
  allow({ memoryMb, codeGeneration }: { readonly memoryMb: number; readonly codeGeneration: boolean }): void {
    this.#maxBytes = memoryMb * MB;
    this.#mayCompile = codeGeneration;
    if (codeGeneration) this.#install();
  }

  /** The module of a `.wasm` file that the bundle imports. */
  deployed(base64: string): object {
    return this.#install().compile(bytesOfBase64(base64));
  }

  /** The code has been evaluated: whatever bytes come from now on were not deployed. */
  loaded(): void {
    this.#isLoading = false;
  }

  isOver(): boolean {
    return this.#wasm !== null && this.#wasm.heldBytes() > this.#maxBytes;
  }

  #install(): GuestWasm {
    if (this.#wasm !== null) return this.#wasm;
    const { GuestWasm } = modules.webAssembly();
    this.#wasm = new GuestWasm(this.#native, {
      maxBytes: this.#maxBytes,
      mayCompile: () => this.#isLoading || this.#mayCompile,
    });
    hide(globalThis, 'WebAssembly', this.#wasm.namespace);
    return this.#wasm;
  }
}
