/** Two ends of one real connection, as a host and its executor have. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function socketPair(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer();
  server.listen(join(tmpdir(), `cordon-${randomUUID()}.sock`));
  await once(server, 'listening');
  const far = connect(server.address() as unknown as string);
  const [near] = (await once(server, 'connection')) as [Socket];
  if (far.connecting) await once(far, 'connect');
  server.close();
  return [near, far];
}

/** The same over TCP, where the kernel cuts the stream as it likes. */
export async function tcpPair(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  if (far.connecting) await once(far, 'connect');
  server.close();
  return [near, far];
}
