/** The guard over addresses: what is public stays open, and what belongs to this machine does not. */

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { AddressGuard, canonical, forbiddenRange } from '../../../src/egress/addresses.ts';

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2400::1',
  '2606:4700::1111',
  '2a00::1',
];

for (const address of PUBLIC) test(`${address} is public`, () => assert.equal(forbiddenRange(address), null));

for (const text of ['', 'x', '127.1', '0x7f.1', '1.2.3', '1.2.3.4.5', '::g', '[::1]', '1.2.3.4 ', 'constructor'])
  test(`${JSON.stringify(text)} is no address, so it is forbidden`, () =>
    assert.equal(forbiddenRange(text), 'not-an-address'));

test('a zone id is forbidden, whatever the address', () => assert.equal(forbiddenRange('2606::1%eth0'), 'zone-id'));

test('the addresses of this machine are forbidden in every spelling', () => {
  const guard = new AddressGuard(() => ['93.184.216.34', '2606:2800:220:0::1%eth0']);
  assert.equal(guard.forbidden('93.184.216.34'), 'own-address');
  assert.equal(guard.forbidden('2606:2800:0220:0000:0000:0000:0000:0001'), 'own-address');
  assert.equal(guard.forbidden('93.184.216.35'), null);
});

test('the list of its interfaces is what it goes by', () => {
  const guard = new AddressGuard();
  for (const addresses of Object.values(networkInterfaces()))
    for (const { address } of addresses ?? []) assert.notEqual(guard.forbidden(address), null, address);
});

test('one address has one spelling', () => {
  assert.equal(canonical('2606:2800:0220::0:1'), canonical('2606:2800:220::1'));
  assert.equal(canonical('1.2.3.4'), '1.2.3.4');
});
