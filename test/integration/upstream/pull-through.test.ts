// A registry as a cache of others: names, tags that move, an upstream that is away, and what is pushed beside it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { ready } from '../../support/fleet-traffic.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const REPOSITORY = 'org/app';

/** A node that is a cache of one upstream, which bare names stand for, too. */
async function startCache(
  fleet: ComposedFleet,
  upstream: FakeUpstream,
  more: object = {},
): Promise<{ readonly node: FleetNode; readonly wire: RegistryWire }> {
  const registries = [{ name: 'up.example', url: upstream.url }];
  const node = await fleet.startOwnNode({ upstreams: { registries, default: 'up.example', freshMs: 0, ...more } });
  return { node, wire: new RegistryWire(node.baseUrl) };
}

test('An image of an upstream is fetched once, by any of its names, and its tag compared each time', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  const layer = Buffer.concat([...seededBytes('1', 3_000_000)]);
  const image = upstream.hold(REPOSITORY, 'v1', layer);

  for (const [name, query] of [
    [`up.example/${REPOSITORY}`, ''],
    [REPOSITORY, ''],
    [REPOSITORY, '?ns=up.example'],
    [REPOSITORY, `?ns=127.0.0.1:${upstream.port}`],
  ]) {
    const manifest = await wire.send('GET', `/v2/${name}/manifests/v1${query}`);
    assert.equal(manifest.status, 200, manifest.body.toString());
    assert.equal(manifest.headers['docker-content-digest'], image.digest);
    assert.ok(manifest.body.equals(image.manifest));
    assert.equal(manifest.headers['oci-namespace'], query === '' ? undefined : query?.slice('?ns='.length));
    const head = await wire.send('HEAD', `/v2/${name}/blobs/${image.layer}${query}`);
    assert.equal(head.headers['content-length'], String(layer.length));
    const blob = await wire.send('GET', `/v2/${name}/blobs/${image.layer}${query}`);
    assert.equal(blob.status, 200);
    assert.ok(blob.body.equals(layer));
  }

  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/blobs/`), 1);
  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/manifests/`), 1);
  assert.equal(upstream.count(`HEAD /v2/${REPOSITORY}/manifests/`), 3);
});

test('A tag that moved is seen at the next pull, and one that was compared lately is not compared again', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream, { freshMs: 3_600_000 });
  const first = upstream.hold(REPOSITORY, 'v1', Buffer.from('one'));
  const pull = () => wire.send('GET', `/v2/up.example/${REPOSITORY}/manifests/v1`);
  assert.equal((await pull()).headers['docker-content-digest'], first.digest);

  const second = upstream.hold(REPOSITORY, 'v1', Buffer.from('two'));
  assert.equal((await pull()).headers['docker-content-digest'], first.digest);
  assert.equal(upstream.requests.length, 1);
  // The coordinator remembers when; after its restart nobody does.
  await fleet.stopCoordinator();
  await fleet.startCoordinator();
  await using other = await fleet.startNode('other', {
    upstreams: { registries: [{ name: 'up.example', url: upstream.url }], freshMs: 3_600_000 },
  });
  await ready(other);
  const answer = await new RegistryWire(other.baseUrl).send('GET', `/v2/up.example/${REPOSITORY}/manifests/v1`);
  assert.equal(answer.headers['docker-content-digest'], second.digest);
});

test('While the upstream is away, refuses, or lost the tag, what is here is served with a warning', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  const layer = Buffer.concat([...seededBytes('2', 200_000)]);
  const image = upstream.hold(REPOSITORY, 'v1', layer);
  const path = `/v2/${REPOSITORY}/manifests/v1`;
  assert.equal((await wire.send('GET', path)).headers['warning'], undefined);
  await wire.send('GET', `/v2/${REPOSITORY}/blobs/${image.layer}`);
  const expectStale = async (why: RegExp): Promise<void> => {
    const answer = await wire.send('GET', path);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(answer.headers['docker-content-digest'], image.digest);
    assert.match(String(answer.headers['warning']), why);
  };

  upstream.intercept = (_request, response) => Boolean(response.writeHead(500).end('<html>oops</html>'));
  await expectStale(/^299 - "not compared with up\.example.*answers 500/);
  upstream.intercept = (_request, response) => Boolean(response.writeHead(403).end());
  await expectStale(/does not let us in/);
  upstream.intercept = () => false;
  upstream.forget(REPOSITORY, 'v1');
  await expectStale(/does not have this any more/);
  await upstream.close();
  await expectStale(/cannot be reached \(ECONNREFUSED\)/);
  const blob = await wire.send('GET', `/v2/${REPOSITORY}/blobs/${image.layer}`);
  assert.ok(blob.body.equals(layer));
  const never = await wire.send('GET', `/v2/${REPOSITORY}/manifests/v2`);
  assert.equal(never.status, 503);
  assert.match(never.body.toString(), /up\.example cannot be reached/);
});

test('An upstream that is away at the start is asked when somebody wants something of it', async () => {
  await using upstream = await FakeUpstream.start();
  await upstream.close();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  assert.equal((await wire.send('GET', '/v2/')).status, 200);
  await upstream.listen();
  upstream.hold(REPOSITORY, 'v1', Buffer.from('late'));

  assert.equal((await wire.send('GET', `/v2/${REPOSITORY}/manifests/v1`)).status, 200);
});

test('What was pushed here comes first, what is not here comes from the upstream, and copies are not pushed to', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  const theirs = upstream.hold(REPOSITORY, 'v1', Buffer.from('theirs'));
  const other = upstream.hold(REPOSITORY, 'v2', Buffer.from('theirs too'));
  const ours = await wire.pushImage(REPOSITORY, 'v1', Buffer.from('ours'));
  const digestAt = async (path: string): Promise<unknown> =>
    (await wire.send('GET', path)).headers['docker-content-digest'];

  assert.equal(await digestAt(`/v2/${REPOSITORY}/manifests/v1`), ours.digest);
  assert.equal(await digestAt(`/v2/${REPOSITORY}/manifests/v2`), other.digest);
  assert.equal(await digestAt(`/v2/${REPOSITORY}/manifests/v1?ns=up.example`), theirs.digest);
  assert.equal((await wire.send('GET', `/v2/${REPOSITORY}/blobs/${theirs.layer}`)).body.toString(), 'theirs');
  for (const query of ['', '?ns=elsewhere.example']) {
    const upload = await wire.send('POST', `/v2/up.example/${REPOSITORY}/blobs/uploads/${query}`, {
      headers: { 'content-length': '0' },
    });
    assert.equal(upload.status, 405, query);
    assert.match(upload.body.toString(), /is a cache of that registry/);
    const put = await wire.send('PUT', `/v2/up.example/${REPOSITORY}/manifests/v1${query}`, {
      body: theirs.manifest,
      headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
    });
    assert.equal(put.status, 405, query);
  }
});

test('A namespace that is no upstream gets our own content, never that of the default upstream', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  const theirs = upstream.hold(REPOSITORY, 'v1', Buffer.from('theirs'));
  await wire.pushImage('team/app', 'v1', Buffer.from('ours'));

  const own = await wire.send('GET', '/v2/team/app/manifests/v1?ns=elsewhere.example');
  const foreign = await wire.send('GET', `/v2/${REPOSITORY}/manifests/v1?ns=elsewhere.example`);
  const blob = await wire.send('GET', `/v2/${REPOSITORY}/blobs/${theirs.layer}?ns=elsewhere.example`);

  assert.equal(own.status, 200);
  assert.equal(foreign.status, 404);
  assert.equal(blob.status, 404);
  assert.deepEqual(upstream.requests, []);
});

test('A blob is given in a repository whose upstream has it there, not because another repository has it', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  const layer = Buffer.concat([...seededBytes('3', 500_000)]);
  const image = upstream.hold('org/secret', 'v1', layer);
  await wire.send('GET', `/v2/up.example/org/secret/blobs/${image.layer}`);
  const pushed = await wire.pushImage('team/secret', 'v1', Buffer.from('of the team alone'));

  assert.equal((await wire.send('GET', `/v2/up.example/org/other/blobs/${image.layer}`)).status, 404);
  assert.equal((await wire.send('GET', `/v2/up.example/org/other/blobs/${pushed.layer}`)).status, 404);
  upstream.hold('org/other', 'v1', layer);
  const shared = await wire.send('GET', `/v2/up.example/org/other/blobs/${image.layer}`);
  assert.ok(shared.body.equals(layer));
  assert.equal(upstream.count('GET /v2/org/other/blobs/'), 0, 'a HEAD is enough for bytes that are here');
});

test('Tags are those of the upstream, and those that are here while it is away', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { wire } = await startCache(fleet, upstream);
  for (const tag of ['b', 'a', 'c']) upstream.hold(REPOSITORY, tag, Buffer.from(tag));
  await wire.send('GET', `/v2/${REPOSITORY}/manifests/b`);
  const tagsAt = async (query = ''): Promise<unknown> => {
    const { body } = await wire.send('GET', `/v2/${REPOSITORY}/tags/list${query}`);
    const list: unknown = JSON.parse(body.toString());
    return typeof list === 'object' && list !== null && 'tags' in list ? list.tags : undefined;
  };

  assert.deepEqual(await tagsAt(), ['a', 'b', 'c']);
  assert.deepEqual(await tagsAt('?n=1&last=a'), ['b']);
  await upstream.close();
  assert.deepEqual(await tagsAt(), ['b']);
});

test('A blob reaches every client that waits for it as it comes, and leaves the upstream once', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const { node } = await startCache(fleet, upstream);
  const layer = Buffer.concat([...seededBytes('slow', 4_000_000)]);
  const image = upstream.hold(REPOSITORY, 'v1', layer);
  let goOn: () => void = () => undefined;
  upstream.intercept = ({ method, url }, response) => {
    if (method !== 'GET' || url?.endsWith(image.layer) !== true) return false;
    response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, 1000));
    goOn = () => void response.end(layer.subarray(1000));
    return true;
  };

  const url = `${node.baseUrl}/v2/${REPOSITORY}/blobs/${image.layer}`;
  const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(url)));
  const readers = answers.map(({ body }): ReadableStreamDefaultReader<Uint8Array> => {
    if (body === null) throw new Error('a blob has a body');
    return body.getReader();
  });
  for (const reader of readers) {
    const { value = new Uint8Array(0) } = await reader.read();
    assert.deepEqual(Buffer.from(value), layer.subarray(0, 1000));
  }
  await readers[0]?.cancel();
  goOn();
  for (const reader of readers.slice(1)) {
    let received = 1000;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const { value } = part;
      assert.ok(layer.subarray(received, received + value.length).equals(value));
      received += value.length;
    }
    assert.equal(received, layer.length);
  }

  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/blobs/`), 1);
  const { body } = await node.metrics.text();
  assert.match(body, new RegExp(`^registry_proxy_pulled_bytes_total\\{type="blob"\\} ${layer.length}$`, 'm'));
  assert.match(body, /^registry_proxy_misses_total\{type="blob"\} 5$/m);
});
