/** AdapterFault: what the adapter refuses, in a sentence for the one who wrote the function. */

import type { AdapterFaultCode } from './incoming.ts';

export class AdapterFault extends Error {
  readonly code: AdapterFaultCode;

  constructor(code: AdapterFaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const badResponse = (message: string): AdapterFault => new AdapterFault('BAD_RESPONSE', message);
