/** Service: a function in the words of seed 003 (`/api/v1/services/`), beside the function that answers for it. */

export interface ServiceRecord {
  /** UUID. */
  readonly id: string;
  readonly tenant: string;
  /** Unique in its tenant. */
  readonly name: string;
  /** The function that it deploys; default: the service's name. */
  readonly functionName: string;
  /** As it was given: `node18`, `python3.9` … */
  readonly runtime: string;
  readonly handler: string;
  readonly publicDomain: string | null;
  readonly memoryMb: number;
  readonly cpuShares: number | null;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface ServiceStore {
  /** Rejects with CONFLICT where the name or the function name is taken. */
  add(service: ServiceRecord): Promise<void>;
  /** Null where there is none. */
  update(service: ServiceRecord): Promise<void>;
  /** In the order of their names, after this one. */
  list(tenant: string, after: string | null, limit: number): Promise<ServiceRecord[]>;
  find(tenant: string, id: string): Promise<ServiceRecord | null>;
  remove(tenant: string, id: string): Promise<boolean>;
}
