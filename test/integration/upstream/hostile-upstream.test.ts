// What comes from outside is not believed: bodies, redirects, token services, errors dressed as answers.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const REPOSITORY = 'org/app';
const LAYER = Buffer.concat([...seededBytes('hostile', 2_000_000)]);
const DIGEST = `sha256:${createHash('sha256').update(LAYER).digest('hex')}`;
const BLOB_PATH = `/v2/up.example/${REPOSITORY}/blobs/${DIGEST}`;
const MANIFEST_PATH = `/v2/up.example/${REPOSITORY}/manifests/v1`;

interface Cache extends AsyncDisposable {
  readonly upstream: FakeUpstream;
  readonly wire: RegistryWire;
}

/** A cache of an upstream that answers each request for this part of a path in its own way. */
async function startCache(
  part: string,
  answer: (response: ServerResponse) => unknown,
  more: object = {},
): Promise<Cache> {
  const upstream = await FakeUpstream.start();
  const fleet = await ComposedFleet.start();
  const registries = [{ name: 'up.example', url: upstream.url, ...more }];
  const node = await fleet.startOwnNode({ upstreams: { registries, freshMs: 0 } });
  upstream.hold(REPOSITORY, 'v1', LAYER);
  upstream.intercept = (request, response) => {
    if (request.url?.includes(part) !== true) return false;
    answer(response);
    return true;
  };
  return {
    upstream,
    wire: new RegistryWire(node.baseUrl),
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** No client gets a whole answer, and once the upstream is honest the right bytes come: nothing of the wrong ones was kept. */
async function expectTornThenRight({ upstream, wire }: Cache): Promise<void> {
  const torn = await wire.send('GET', BLOB_PATH).then(
    (answer) => answer.status,
    () => 'torn',
  );
  assert.ok(torn === 'torn' || torn === 503 || torn === 400, String(torn));
  upstream.intercept = () => false;
  const right = await wire.send('GET', BLOB_PATH);
  assert.equal(right.status, 200);
  assert.ok(right.body.equals(LAYER));
}

test('Bytes that do not match the digest never make a whole answer', async () => {
  const wrong = Buffer.from(LAYER);
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  await using cache = await startCache('/blobs/', (response) =>
    response.writeHead(200, { 'content-length': wrong.length }).end(wrong),
  );

  await expectTornThenRight(cache);
});

/** Above what a busy machine needs, below the minute after which a test gives up an exchange. */
const LET_GO = { timeout: 50_000 };

test('A client is let go when the upstream breaks off and does not come back', LET_GO, async () => {
  let tries = 0;
  await using cache = await startCache('/blobs/', (response) => {
    tries += 1;
    if (tries > 1) return response.writeHead(500).end();
    response.writeHead(200, { 'content-length': LAYER.length });
    return response.write(LAYER.subarray(0, 1_000_000), () => response.destroy());
  });

  await expectTornThenRight(cache);
});

test('An empty body under the digest of something else never makes a whole answer', async () => {
  await using cache = await startCache('/blobs/', (response) => response.writeHead(200, { 'content-length': 0 }).end());

  await expectTornThenRight(cache);
});

test('A body that breaks off each time is given up, one that breaks off once goes on where it was', async () => {
  let tries = 0;
  await using cache = await startCache('/blobs/', (response) => {
    tries += 1;
    response.writeHead(200, { 'content-length': LAYER.length });
    response.write(LAYER.subarray(0, 1_000_000), () => response.destroy());
  });
  await expectTornThenRight(cache);
  assert.ok(tries > 1 && tries < 20, `${tries} tries`);

  await using once = await startCache('/blobs/', (response) => {
    once.upstream.intercept = () => false;
    response.writeHead(200, { 'content-length': LAYER.length });
    response.write(LAYER.subarray(0, 1_000_000), () => response.destroy());
  });
  const answer = await once.wire.send('GET', BLOB_PATH);
  assert.ok(answer.body.equals(LAYER));
});

test('A body without an end is not read to its end', async () => {
  let written = 0;
  await using cache = await startCache('/blobs/', (response) => {
    if (response.req.method === 'HEAD') {
      response.writeHead(200, { 'content-length': LAYER.length }).end();
      return;
    }
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
    };
    response.on('drain', more);
    more();
  });

  await expectTornThenRight(cache);
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
});

test('A manifest that is an HTML page, too long, compressed or another than the one of its digest is no manifest', async () => {
  const page = Buffer.from('<html>Log in to this network</html>');
  const bodies: ReadonlyArray<(response: ServerResponse) => unknown> = [
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
    (response) => response.writeHead(200, { 'content-type': OCI_MANIFEST }).end(Buffer.alloc(5_000_000, ' ')),
    (response) => response.writeHead(200, { 'content-type': OCI_MANIFEST, 'content-encoding': 'gzip' }).end(page),
    (response) =>
      response
        .writeHead(200, { 'content-type': OCI_MANIFEST, 'docker-content-digest': DIGEST })
        .end('{"schemaVersion":2,"manifests":[]}'),
  ];
  for (const body of bodies) {
    await using cache = await startCache('/manifests/', body);
    const answer = await cache.wire.send('GET', MANIFEST_PATH);
    assert.equal(answer.status, 503, answer.body.toString());
    assert.match(answer.body.toString(), /up\.example/);
    cache.upstream.intercept = () => false;
    assert.equal((await cache.wire.send('GET', MANIFEST_PATH)).status, 200);
  }
});

test('Nobody is sent to services of this host or its network, and the refusal is told', async () => {
  const secret = createServer((_request, response) => response.end(LAYER));
  await new Promise<void>((resolve) => secret.listen(0, '127.0.0.1', resolve));
  const address = secret.address();
  const port = typeof address === 'object' ? address?.port : 0;
  let visits = 0;
  secret.on('request', () => (visits += 1));
  try {
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0.0.0.0', '2130706433']) {
      await using cache = await startCache('/blobs/', (response) =>
        response.writeHead(307, { location: `http://${host}:${port}/secret` }).end(),
      );
      const answer = await cache.wire.send('GET', BLOB_PATH);
      assert.equal(answer.status, 403, host);
      assert.match(answer.body.toString(), /sent us to/);
    }
    for (const location of [
      'http://169.254.169.254/latest/meta-data',
      'http://[fe80::1]/',
      'file:///etc/passwd',
      'http://',
    ]) {
      await using cache = await startCache('/manifests/', (response) => response.writeHead(302, { location }).end());
      assert.equal((await cache.wire.send('GET', MANIFEST_PATH)).status, 403, location);
    }
    assert.equal(visits, 0);
    await using listed = await startCache(
      '/blobs/',
      (response) => response.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end(),
      { alsoAllowed: [`127.0.0.1:${port}`] },
    );
    assert.ok((await listed.wire.send('GET', BLOB_PATH)).body.equals(LAYER));
  } finally {
    secret.closeAllConnections();
    await new Promise((resolve) => secret.close(resolve));
  }
});

test('Redirects in a circle end', async () => {
  await using cache = await startCache('/blobs/', (response) =>
    response.writeHead(307, { location: `/v2/${REPOSITORY}/blobs/${DIGEST}` }).end(),
  );

  assert.equal((await cache.wire.send('GET', BLOB_PATH)).status, 403);
  assert.ok(cache.upstream.requests.length < 10);
});

test('An upstream that has had too many requests is left alone for as long as it says', async () => {
  await using cache = await startCache('/manifests/', (response) =>
    response.writeHead(429, { 'retry-after': '600' }).end('slow down'),
  );

  for (let times = 0; times < 3; times += 1) {
    const answer = await cache.wire.send('GET', MANIFEST_PATH);
    assert.equal(answer.status, 429);
    assert.ok(Number(answer.headers['retry-after']) > 300);
  }
  assert.equal(cache.upstream.requests.length, 1);
});
