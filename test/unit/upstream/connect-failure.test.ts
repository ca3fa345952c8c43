// What people are told of a connection that did not come to be. Over a real socket where OpenSSL chooses the code.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connectFailure } from '../../../node/upstream/connect-failure.ts';

test('Who asks for TLS where there is plain HTTP is told to write http://', async () => {
  const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const error = await new Promise((resolve) => get(`https://127.0.0.1:${port}/`).once('error', resolve));
  server.close();

  assert.match(connectFailure(error), /speaks no TLS; if it is plain HTTP, write http:\/\/$/);
});

test('A certificate that nobody vouches for is told with the setting that helps, and other failures by their code', () => {
  const withCode = (code: string): Error => Object.assign(new Error('failed'), { code });

  assert.match(connectFailure(withCode('DEPTH_ZERO_SELF_SIGNED_CERT')), /^DEPTH_ZERO_SELF_SIGNED_CERT: .*`authority`/);
  assert.equal(connectFailure(withCode('ECONNREFUSED')), 'ECONNREFUSED');
  assert.equal(connectFailure(new AggregateError([withCode('ETIMEDOUT')])), 'ETIMEDOUT');
  assert.equal(connectFailure('?'), 'unknown');
});
