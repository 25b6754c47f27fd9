/** Vm service: `ctx.vm.run`: a virtual machine on the tenant's account, where the host has a service for them. */

import { RpcError } from '../core/rpc.ts';
import type { RpcMethod, RpcService } from '../core/rpc.ts';

/** `run`: null where there is none. */
export function createVmService(run: RpcMethod | null): RpcService {
  const absent: RpcMethod = () =>
    Promise.reject(new RpcError('UNAVAILABLE', 'no VM service is configured on this host'));
  return { methods: { run: { grant: 'vm', run: run ?? absent } } };
}
