/** Data quota: how much of one kind of data a tenant may keep. */

export interface DataQuota {
  readonly entries: number;
  readonly bytes: number;
}
