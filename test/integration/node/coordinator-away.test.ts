// What a fleet still does while its coordinator is away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { digestText, EMPTY_CONFIG, OCI_MANIFEST, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1024 * 1024;
const NAME = 'team/app';
const CONFIG = Buffer.from('{}');

test('A manifest that was seen and blobs that were not are pulled from peers while the coordinator is stopped', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  const origin = await fleet.startNode('origin', { origin: true });
  const puller = await fleet.startNode('puller');
  for (const node of [origin, puller]) await ready(node);
  const layers = ['one', 'two'].map((seed) => Buffer.concat([...seededBytes(seed, 5 * MIB)]));
  const digest = await pushImage(origin, layers);
  // The puller sees the manifest, and meets the origin over the config.
  await get(puller, `manifests/v1`);
  await get(puller, `blobs/${digestText(CONFIG)}`);

  await fleet.stopCoordinator();

  const byTag = await get(puller, 'manifests/v1');
  assert.match(String(byTag.headers['warning']), /^299 /);
  assert.equal(byTag.headers['docker-content-digest'], digest);
  const byDigest = await get(puller, `manifests/${digest}`);
  assert.equal(byDigest.headers['warning'], undefined);
  const [one, two] = layers;
  assert.ok(one !== undefined && two !== undefined);
  assert.ok((await get(puller, `blobs/${digestText(one)}`)).body.equals(one));

  await puller[Symbol.asyncDispose]();
  const again = await fleet.startNode('puller');

  await ready(again);
  assert.ok((await get(again, `blobs/${digestText(one)}`)).body.equals(one));
  assert.ok((await get(again, `blobs/${digestText(two)}`)).body.equals(two));
  const stranger = await new RegistryWire(again.baseUrl).send('GET', `/v2/other/app/blobs/${digestText(two)}`);
  assert.equal(stranger.status, 503, 'leave is per repository, also while nobody can be asked');
});

async function get(node: FleetNode, path: string): ReturnType<RegistryWire['send']> {
  const answer = await new RegistryWire(node.baseUrl).send('GET', `/v2/${NAME}/${path}`);
  assert.equal(answer.status, 200, `${path}: ${answer.body.toString()}`);
  return answer;
}

/** @returns the digest of the manifest. */
async function pushImage(node: FleetNode, layers: readonly Buffer[]): Promise<string> {
  const wire = new RegistryWire(node.baseUrl);
  for (const blob of [...layers, CONFIG]) await wire.pushBlob(NAME, blob);
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: EMPTY_CONFIG,
    layers: layers.map((layer) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestText(layer),
      size: layer.length,
    })),
  };
  const answer = await wire.putManifest(NAME, { reference: 'v1', content: manifest });
  assert.equal(answer.status, 201, answer.body.toString());
  return String(answer.headers['docker-content-digest']);
}

async function ready(node: FleetNode): Promise<void> {
  await eventually({ what: 'a node that is ready' }, async () => {
    const answer = await fetch(`${node.baseUrl}/readyz`);
    await answer.arrayBuffer();
    return answer.status === 200;
  });
}
