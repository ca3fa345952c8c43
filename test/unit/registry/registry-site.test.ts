// How a registry is seen: hosts, proxies, links, headers. Over real sockets where a socket decides.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccessPolicy } from '../../../node/registry/access.ts';
import { isHostHeader, parseForwarded } from '../../../node/registry/forwarded.ts';
import { ResponseHeaders } from '../../../node/registry/response-headers.ts';
import { TrustedProxies } from '../../../node/registry/trusted-proxies.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

async function locationOf(wire: RegistryWire, headers: Record<string, string>): Promise<string> {
  const answer = await wire.send('POST', '/v2/a/blobs/uploads/', { headers });
  return (answer.headers.location ?? '').replace(/\/v2\/.*/, '');
}

test('Links name the host that the client asked, by the word of trusted proxies alone', async () => {
  await using trusting = await listenRegistry({}, { urls: 'absolute', trustedProxies: ['loopback'] });
  await using distrusting = await listenRegistry({}, { urls: 'absolute' });
  await using named = await listenRegistry({}, { urls: 'absolute', publicUrl: 'https://hub.example:8443/' });
  const forwarded = { forwarded: 'for=192.0.2.1;proto=https;host=r.example', host: 'inner:5000' };
  const older = { 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'r.example, inner', host: 'inner:5000' };
  const hostile = { 'x-forwarded-proto': 'javascript', 'x-forwarded-host': 'a"><b', host: 'inner:5000' };
  const via = (baseUrl: string, headers: Record<string, string>): Promise<string> =>
    locationOf(new RegistryWire(baseUrl), headers);

  assert.equal(await via(trusting.baseUrl, forwarded), 'https://r.example');
  assert.equal(await via(trusting.baseUrl, older), 'https://r.example');
  assert.equal(await via(trusting.baseUrl, hostile), 'http://inner:5000');
  assert.equal(await via(distrusting.baseUrl, forwarded), 'http://inner:5000');
  assert.equal(await via(named.baseUrl, forwarded), 'https://hub.example:8443');
});

test('A public URL is where clients see the registry, whole: the prefix is between a proxy and us', async () => {
  // As the reference registry does with http.host and http.prefix: docker asks at the top of a host, whatever lies behind its proxy.
  await using top = await listenRegistry(
    {},
    { urls: 'absolute', prefix: '/reg/', publicUrl: 'https://hub.example:8443' },
  );
  await using below = await listenRegistry(
    {},
    { urls: 'absolute', prefix: '/reg/', publicUrl: 'https://hub.example/reg/' },
  );
  const opened = async (baseUrl: string): Promise<string> => {
    const answer = await new RegistryWire(baseUrl).send('POST', '/reg/v2/a/blobs/uploads/');
    return (answer.headers.location ?? '').replace(/\/a\/.*/, '');
  };

  assert.equal(await opened(top.baseUrl), 'https://hub.example:8443/v2');
  assert.equal(await opened(below.baseUrl), 'https://hub.example/reg/v2');
});

test('A request beside the prefix is told where the registry API is, as docker shows it', async () => {
  await using registry = await listenRegistry({}, { prefix: '/reg/' });

  const answer = await new RegistryWire(registry.baseUrl).send('GET', '/v2/');

  assert.equal(answer.status, 404);
  const message = 'there is nothing at this address; the registry API is at /reg/v2/';
  assert.deepEqual(JSON.parse(answer.body.toString()), { errors: [{ code: 'UNSUPPORTED', message }] });
});

test('A request on loopback for a name of others is refused, on every path', async () => {
  await using registry = await listenRegistry({}, { allowedHosts: ['registry.lan'], publicUrl: 'http://r.example' });
  const wire = new RegistryWire(registry.baseUrl);
  const statusFor = async (host: string, path = '/v2/'): Promise<number> => {
    const { status } = await wire.send('GET', path, { headers: { host } });
    return status;
  };

  for (const host of [
    'localhost',
    'localhost:5000',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1:5000',
    '[::1]:5000',
    'registry.lan:1',
    'r.example',
  ]) {
    assert.equal(await statusFor(host), 200, host);
  }
  for (const path of ['/v2/', '/v2/_catalog', '/healthz', '/metrics', '/']) {
    for (const host of ['evil.example', 'evil.example:5000', 'localhost.evil.example', '127.0.0.1.evil.example', 'x']) {
      assert.equal(await statusFor(host, path), 403, `${host} ${path}`);
    }
  }
});

test('Proxies are trusted by address, network and word', () => {
  const proxies = new TrustedProxies(['loopback', '10.1.0.0/16', '192.0.2.7', '2001:db8::/32']);
  const inside = ['127.0.0.1', '::1', '::ffff:127.0.0.9', '10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8::1'];
  const outside = ['10.2.0.1', '192.0.2.8', '2001:db9::1', '', 'localhost', undefined];

  assert.deepEqual(
    inside.filter((address) => !proxies.has(address)),
    [],
  );
  assert.deepEqual(
    outside.filter((address) => proxies.has(address)),
    [],
  );
  for (const wrong of ['10.0.0.0/33', 'nonsense', '10.0.0.1/', '::1/129', '']) {
    assert.throws(
      () => new TrustedProxies([wrong]),
      (error) => isAppError(error, 'config_invalid'),
      wrong,
    );
  }
});

test('Whatever proxies say, what is taken from it is a scheme, a host and addresses', () => {
  const header = fc.oneof(
    fc.string(),
    fc.stringMatching(/^(for|host|proto|by)=("[^"]{0,9}"|[a-z0-9.:[\]]{0,9})([;,] ?|$)/),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(header, header, header, header, (forwarded, proto, host, passed) => {
      const facts = parseForwarded({
        ...(forwarded === undefined ? {} : { forwarded }),
        ...(proto === undefined ? {} : { 'x-forwarded-proto': proto }),
        ...(host === undefined ? {} : { 'x-forwarded-host': host }),
        ...(passed === undefined ? {} : { 'x-forwarded-for': passed }),
      });
      assert.ok(facts.scheme === undefined || facts.scheme === 'http' || facts.scheme === 'https');
      assert.ok(facts.host === undefined || isHostHeader(facts.host));
      assert.ok(facts.addresses.length <= 33);
    }),
  );
  assert.deepEqual(
    parseForwarded({ forwarded: 'For="[2001:db8::1]:4711"; Proto=HTTPS ;host="r.example:1", for=192.0.2.60' }),
    {
      scheme: 'https',
      host: 'r.example:1',
      addresses: ['2001:db8::1', '192.0.2.60'],
    },
  );
});

test('Headers that frame a message, or that HTTP does not allow, are refused', () => {
  for (const headers of [{ 'Content-Length': ['1'] }, { Location: ['/x'] }, { 'a b': ['x'] }, { a: ['x\r\ny: z'] }]) {
    assert.throws(
      () => new ResponseHeaders(headers),
      (error) => isAppError(error, 'config_invalid'),
    );
  }
  assert.deepEqual(new ResponseHeaders({}).for(undefined), ['X-Content-Type-Options', 'nosniff']);
  assert.deepEqual(new ResponseHeaders({ 'x-content-type-options': ['none'] }).for(undefined), [
    'x-content-type-options',
    'none',
  ]);
});

test('A manifest that comes too slowly is given up, however steadily it comes', async () => {
  const clock = new FakeClock();
  await using registry = await listenRegistry(
    { clock },
    { manifestBodyTimeoutMs: 10_000, bodyIdleTimeoutMs: 3_600_000 },
  );
  await using connection = await RawConnection.open(registry.baseUrl);
  connection.send('PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{');
  await eventually({ what: 'the deadline' }, () => clock.pendingCount > 1);

  await clock.advance(9_999);
  connection.send(' ');
  await clock.advance(1);
  const answer = await connection.answer();

  assert.equal(answer.status, 408);
  assert.equal((await connection.rest()).length, 0);
});

test('Each request is a line of the access log, and no client can forge one', async () => {
  const lines: string[] = [];
  const accessLines = { write: (line: string): void => void lines.push(line) };
  await using registry = await listenRegistry(
    { accessLines, clock: new FakeClock() },
    { trustedProxies: ['loopback'] },
  );
  const wire = new RegistryWire(registry.baseUrl);

  await wire.send('GET', '/v2/', { headers: { 'user-agent': 'a" \\ b', 'x-forwarded-for': '192.0.2.1, 10.0.0.1' } });
  await wire.send('GET', '/v2/a/manifests/%0a"x', { headers: { referer: 'é' } });

  assert.deepEqual(lines, [
    '10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "a\\" \\\\ b"',
    `127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /v2/a/manifests/%0a\\"x HTTP/1.1" 404 ${lines[1]?.split(' ')[9]} "\\xe9" ""`,
  ]);
});

test('The access log names who was let in, whatever his name looks like', async () => {
  const lines: string[] = [];
  const accessLines = { write: (line: string): void => void lines.push(line) };
  const names = ['alice', 'a b" \n', ''];
  const access: AccessPolicy = { authorize: () => names.shift() };
  await using registry = await listenRegistry({ accessLines, access });
  const wire = new RegistryWire(registry.baseUrl);

  for (const _ of [...names, 'nobody']) await wire.send('GET', '/v2/');

  assert.deepEqual(
    lines.map((line) => line.slice('127.0.0.1 - '.length, line.indexOf(' ['))),
    ['alice', String.raw`a\x20b\"\x20\x0a`, '-', '-'],
  );
});

test('The metrics of the reference registry stand beside ours when they are wanted', async () => {
  await using registry = await listenRegistry({}, { referenceMetrics: true });
  const wire = new RegistryWire(registry.baseUrl);
  await wire.send('GET', '/v2/');
  await wire.send('GET', '/v2/a/blobs/nothing');

  const { body } = await registry.metrics.text();

  assert.match(body, /^registry_http_requests_total\{handler="base",method="get",code="200"\} 1$/m);
  assert.match(body, /^registry_http_requests_total\{handler="blob",method="get",code="400"\} 1$/m);
  assert.match(body, /^registry_http_in_flight_requests\{handler="base"\} 0$/m);
  assert.match(body, /^registry_http_request_duration_seconds_count\{handler="base",method="get"\} 1$/m);
});
