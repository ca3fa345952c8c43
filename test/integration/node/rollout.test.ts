// A release over a small fleet, as the coordinator tells of it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { OCI_INDEX } from '../../../shared/oci/media-types.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { RolloutStatus } from '../../../shared/protocol/rollout.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { digestText, freshName, OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1024 * 1024;

interface Image {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly blobs: readonly string[];
}

describe('a rollout over an origin and two nodes', () => {
  let fleet: ComposedFleet;
  let origin: FleetNode;
  let nodes: FleetNode[];
  before(async () => {
    fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
    origin = await fleet.startOwnNode();
    nodes = [await fleet.startNode('one'), await fleet.startNode('two')];
  });
  after(() => fleet[Symbol.asyncDispose]());

  test('Hosts count from their asking, and are done when they hold every blob', async () => {
    const name = freshName();
    const image = await pushImage(origin, name, { tag: 'v1', seed: 'rollout' });
    assert.deepEqual((await rolloutOf(name)).hosts, { asked: 0, pulling: 0, done: 1, stopped: 0, idle: 0 });

    for (const node of nodes) await resolve(node, name, 'v1');
    const asked = await rolloutOf(name);
    assert.deepEqual(asked.hosts, { asked: 2, pulling: 0, done: 1, stopped: 0, idle: 0 });
    assert.equal(asked.digest, image.digest);
    assert.deepEqual([asked.doneBytes, asked.sizeBytes], [image.sizeBytes, 3 * image.sizeBytes]);

    for (const node of nodes) for (const digest of image.blobs) await pullBlob(node, name, digest);
    const done = await eventually({ what: 'all to be done' }, async () => {
      const status = await rolloutOf(name);
      return status.hosts.done === 3 && status;
    });
    assert.equal(done.doneBytes, 3 * image.sizeBytes);
    assert.equal(done.doneTimes?.hosts, 2);
    assert.deepEqual(
      new Set(done.slowest.map(({ nodeId }) => nodeId)),
      new Set([origin, ...nodes].map(({ running }) => running.nodeId)),
    );
  });

  test('Of an index each host counts with the platform that it took', async () => {
    const name = freshName();
    const amd = await pushImage(origin, name, { seed: 'amd64' });
    const arm = await pushImage(origin, name, { seed: 'arm64' });
    await pushIndex(origin, name, { amd64: amd, arm64: arm });
    for (const [index, node] of nodes.entries()) {
      await resolve(node, name, 'v1');
      await resolve(node, name, (index === 0 ? amd : arm).digest);
    }
    for (const digest of amd.blobs) await pullBlob(nodes[0] ?? origin, name, digest);

    const status = await eventually({ what: 'the first to be done' }, async () => {
      const look = await rolloutOf(name);
      return look.hosts.done === 2 && look; // the origin has it too
    });

    assert.deepEqual(status.hosts, { asked: 1, pulling: 0, done: 2, stopped: 0, idle: 0 });
    assert.deepEqual(
      status.images.map(({ platform, sizeBytes }) => [platform, sizeBytes]),
      [
        ['linux/amd64', amd.sizeBytes],
        ['linux/arm64/v8', arm.sizeBytes],
      ],
    );
  });

  test('What is no image, and what is no query, is refused', async () => {
    const name = freshName();
    const { admin } = fleet;
    const ask = (query: string): Promise<RolloutStatus> => {
      const call = { method: 'GET', path: `/api/rollout?${query}`, answer: RolloutStatus } as const;
      return callCoordinator({ clock: systemClock }, admin, call, new AbortController().signal);
    };

    await assert.rejects(ask(`repository=${name}&tag=v1`), { code: 'repository_unknown' });
    await pushImage(origin, name, { tag: 'v1', seed: 'refused' });
    await assert.rejects(ask(`repository=${name}&tag=v2`), { code: 'manifest_unknown' });
    await assert.rejects(ask(`repository=${name}`), { code: 'message_invalid' });
    for (const query of [
      '',
      'repository=A&tag=v1',
      'repository=a&tag=/',
      'repository=a&repository=b&tag=v1',
      'repository=a&digest=x',
      'repository=a&tag=v1&slowest=-1',
      'repository=a&tag=v1&more=1',
    ]) {
      await assert.rejects(ask(query), { code: 'message_invalid' }, query);
    }
    await assert.rejects(
      callCoordinator(
        { clock: systemClock },
        { address: admin.address, fleetId: admin.fleetId, ca: admin.ca },
        { method: 'GET', path: `/api/rollout?repository=${name}&tag=v1`, answer: RolloutStatus },
        new AbortController().signal,
      ),
      { code: 'access_denied' },
    );
  });

  test('A coordinator that restarted knows who holds it', async () => {
    const name = freshName();
    const image = await pushImage(origin, name, { tag: 'v1', seed: 'restart' });
    const [node = origin] = nodes;
    await resolve(node, name, 'v1');
    for (const digest of image.blobs) await pullBlob(node, name, digest);
    await eventually({ what: 'the host to be done' }, async () => (await rolloutOf(name)).hosts.done === 2);

    await origin[Symbol.asyncDispose]();
    await fleet.stopCoordinator();
    await fleet.startCoordinator();
    origin = await fleet.startOwnNode();

    await eventually({ what: 'both to be known' }, async () => (await rolloutOf(name)).hosts.done === 2);
    const status = await rolloutOf(name);
    assert.equal(status.runningMs, undefined);
    assert.equal(status.doneTimes, undefined);
  });

  /** Not by the kept status of a second ago. */
  async function rolloutOf(repository: string): Promise<RolloutStatus> {
    looks += 1;
    const query = new URLSearchParams({ repository, tag: 'v1', slowest: String(100 + (looks % 100)) });
    const call = { method: 'GET', path: `/api/rollout?${query.toString()}`, answer: RolloutStatus } as const;
    return callCoordinator({ clock: systemClock }, fleet.admin, call, new AbortController().signal);
  }
  let looks = 0;
});

async function resolve(node: FleetNode, name: string, reference: string): Promise<void> {
  const answer = await eventually({ what: 'the node to resolve' }, async () => {
    const got = await new RegistryWire(node.baseUrl).send('GET', `/v2/${name}/manifests/${reference}`);
    return got.status === 200 && got;
  });
  assert.equal(answer.headers['warning'], undefined);
}

async function pullBlob(node: FleetNode, name: string, digest: string): Promise<void> {
  const answer = await new RegistryWire(node.baseUrl).send('GET', `/v2/${name}/blobs/${digest}`);
  assert.equal(answer.status, 200, answer.body.toString());
}

/** An image of a config and a layer of a megabyte, of its own. */
async function pushImage(
  node: FleetNode,
  name: string,
  image: { readonly tag?: string; readonly seed: string },
): Promise<Image> {
  const layer = Buffer.concat([...seededBytes(`${name} ${image.seed}`, MIB)]);
  const config = Buffer.from(JSON.stringify({ of: `${name} ${image.seed}` }));
  for (const blob of [layer, config]) await pushBlob(node, name, blob);
  const descriptor = (bytes: Buffer): object => ({
    mediaType: 'application/octet-stream',
    digest: digestText(bytes),
    size: bytes.length,
  });
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(config),
    layers: [descriptor(layer)],
  });
  const digest = await pushManifest(node, name, { reference: image.tag, mediaType: OCI_MANIFEST, body });
  const sizeBytes = layer.length + config.length;
  return { digest, mediaType: OCI_MANIFEST, sizeBytes, blobs: [digestText(config), digestText(layer)] };
}

async function pushIndex(
  node: FleetNode,
  name: string,
  images: { readonly amd64: Image; readonly arm64: Image },
): Promise<void> {
  const manifests = [
    { ...entryOf(images.amd64), platform: { os: 'linux', architecture: 'amd64' } },
    { ...entryOf(images.arm64), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
  ];
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  await pushManifest(node, name, { reference: 'v1', mediaType: OCI_INDEX, body });
}

function entryOf({ digest, mediaType }: Image): object {
  return { digest, mediaType, size: 400 };
}

async function pushBlob(node: FleetNode, name: string, blob: Buffer): Promise<void> {
  const path = `/v2/${name}/blobs/uploads/?digest=${digestText(blob)}`;
  const headers = { 'content-length': String(blob.length) };
  const answer = await new RegistryWire(node.baseUrl).send('POST', path, { body: blob, headers });
  assert.equal(answer.status, 201, answer.body.toString());
}

async function pushManifest(
  node: FleetNode,
  name: string,
  manifest: { readonly reference: string | undefined; readonly mediaType: string; readonly body: string },
): Promise<string> {
  const { body, mediaType } = manifest;
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const path = `/v2/${name}/manifests/${manifest.reference ?? digest}`;
  const answer = await new RegistryWire(node.baseUrl).send('PUT', path, {
    body,
    headers: { 'content-type': mediaType },
  });
  assert.equal(answer.status, 201, answer.body.toString());
  return digest;
}
