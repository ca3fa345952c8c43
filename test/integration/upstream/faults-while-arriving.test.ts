// What happens on the host while a layer of an upstream arrives: the disk fills up, its copy expires, collections run.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { CollectionState } from '../../../shared/protocol/collection-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { needs } from '../../support/needs.ts';
import { digestText, RegistryWire } from '../../support/registry-wire.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const layerOf = (seed: string, bytes: number): Buffer => Buffer.concat([...seededBytes(seed, bytes)]);

/** Lets half of a layer through. @returns what to call for the rest, once half is on its way. */
async function stalledAt(upstream: FakeUpstream, layer: Buffer, digest: string): Promise<() => void> {
  return new Promise((resolve) => {
    upstream.intercept = ({ method, url }, response) => {
      if (method !== 'GET' || url?.includes(digest) !== true) return false;
      upstream.intercept = () => false;
      response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, layer.length / 2));
      resolve(() => response.end(layer.subarray(layer.length / 2)));
      return true;
    };
  });
}

/** A client has its last byte a moment before the file is kept. */
async function nothingArrives(data: string): Promise<void> {
  const folder = join(dataFolder(data).store, 'arriving');
  await eventually({ what: 'nothing half to be left' }, async () => (await readdir(folder)).length === 0);
}

/** A node whose whole disk is 24 MiB, with one upstream, `up.example`. */
interface SmallDisk {
  readonly upstream: FakeUpstream;
  readonly baseUrl: string;
  readonly wire: RegistryWire;
  /** Its data folder. */
  readonly disk: string;
}

async function onSmallDisk(run: (world: SmallDisk) => Promise<void>): Promise<void> {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const disk = join(fleet.folder, 'own');
  await mkdir(disk, { recursive: true });
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24M', 'tmpfs', disk]).status, 0);
  try {
    const registries = [{ name: 'up.example', url: upstream.url }];
    await using node = await fleet.startOwnNode({ upstreams: { registries }, store: { reserveBytes: 0 } });
    const { baseUrl } = node;
    await run({ upstream, baseUrl, wire: new RegistryWire(baseUrl), disk });
  } finally {
    spawnSync('umount', [disk]);
  }
}

/** One pass over everything that spares nothing but a push under way. */
async function collect(fleet: ComposedFleet): Promise<void> {
  const call = (method: 'GET' | 'POST'): Promise<CollectionState> => {
    const body = method === 'GET' ? {} : { body: { isDryRun: false, deleteUntagged: true } };
    return callCoordinator(
      { clock },
      fleet.admin,
      { method, path: '/api/collection', answer: CollectionState, ...body },
      never,
    );
  };
  const { passNumber } = await call('POST');
  await eventually({ what: 'the pass to end' }, async () => {
    const state = await call('GET');
    return state.passNumber !== passNumber || !state.isRunning;
  });
}

test('Collections and the end of its copy take nothing from a layer that arrives, and nothing is left of it', async () => {
  await using upstream = await FakeUpstream.start();
  // Copies are looked at every six seconds; only the size decides.
  await using fleet = await ComposedFleet.start({
    cache: { ttlMs: 60_000, maxBytes: 400_000 },
    collection: { everyMs: 100, deleteDelayMs: 0, pushGraceMs: 0 },
  });
  const registries = [{ name: 'up.example', url: upstream.url }];
  const node = await fleet.startOwnNode({ upstreams: { registries } });
  const wire = new RegistryWire(node.baseUrl);
  const layer = layerOf('arriving', 350_000);
  const arriving = upstream.hold('org/arriving', 'v1', layer);
  const others = ['newer', 'newest'].map((name) => layerOf(name, 250_000));
  await wire.send('GET', '/v2/up.example/org/arriving/manifests/v1');
  const stalled = stalledAt(upstream, layer, arriving.layer);
  const reading = wire.send('GET', `/v2/up.example/org/arriving/blobs/${arriving.layer}`);
  const letGo = await stalled;

  // Newer copies are too large together, so that the longest unused go: the first is the one whose layer is half here.
  for (const [index, other] of others.entries()) {
    const newer = upstream.hold(`org/newer-${index}`, 'v1', other);
    await wire.send('GET', `/v2/up.example/org/newer-${index}/manifests/v1`);
    await wire.send('GET', `/v2/up.example/org/newer-${index}/blobs/${newer.layer}`);
  }
  await collect(fleet);
  upstream.forget('org/arriving', 'v1');
  await eventually({ what: 'the copy to go' }, async () => {
    const { status } = await wire.send('HEAD', '/v2/up.example/org/arriving/manifests/v1');
    return status === 404;
  });
  await collect(fleet);
  letGo();
  const read = await reading;

  assert.equal(read.status, 200);
  assert.ok(read.body.equals(layer));
  await eventually({ what: 'the layer that nothing names to go' }, async () => {
    await collect(fleet);
    const { body } = await node.metrics.text();
    return Number(/^shoal_store_removed_bytes_total\{[^}]*\} (\d+)/m.exec(body)?.[1] ?? 0) >= layer.length;
  });
  await nothingArrives(join(fleet.folder, 'own'));
  const kept = await wire.send('GET', `/v2/up.example/org/newer-1/blobs/${digestText(others[1] ?? '')}`);
  assert.ok(kept.body.equals(others[1] ?? Buffer.of()));
});

test(
  'A disk that is full is told to the client, gives the half layer back, and the next layer that fits comes',
  needs({ root: true, commands: ['mount', 'umount'] }),
  () =>
    onSmallDisk(async ({ disk, upstream, wire }) => {
      const vast = upstream.hold('org/vast', 'v1', layerOf('vast', 40 * MIB));
      const small = layerOf('small', 10 * MIB);
      const fits = upstream.hold('org/small', 'v1', small);
      for (const name of ['vast', 'small']) await wire.send('GET', `/v2/up.example/org/${name}/manifests/v1`);

      const refused = await wire.send('GET', `/v2/up.example/org/vast/blobs/${vast.layer}`);
      const taken = await wire.send('GET', `/v2/up.example/org/small/blobs/${fits.layer}`);

      assert.ok(refused.status >= 500, `${refused.status} ${refused.body.toString()}`);
      assert.match(refused.body.toString(), /space/);
      assert.ok(taken.body.equals(small));
      await nothingArrives(disk);
    }),
);

test(
  'A disk that fills up in the middle of a layer ends its readers, and it comes anew when there is room',
  needs({ root: true, commands: ['mount', 'umount'] }),
  () =>
    onSmallDisk(async ({ baseUrl, disk, upstream, wire }) => {
      const layer = layerOf('filled', 12 * MIB);
      const image = upstream.hold('org/filled', 'v1', layer);
      await wire.send('GET', '/v2/up.example/org/filled/manifests/v1');
      const path = `/v2/up.example/org/filled/blobs/${image.layer}`;
      const stalled = stalledAt(upstream, layer, image.layer);
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        httpGet(`${baseUrl}${path}`, resolve).once('error', reject);
      });
      const letGo = await stalled;
      await once(answer, 'readable'); // some of it is on the disk, then
      const ballast = join(disk, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64K'], { stdio: 'ignore' }); // until the disk is full
      letGo();

      await assert.rejects(buffer(answer), 'nobody takes half a layer for a whole one');
      spawnSync('rm', [ballast]);
      const again = await eventually({ what: 'the layer, now that there is room' }, async () => {
        const got = await wire.send('GET', path);
        return got.status === 200 ? got : undefined;
      });
      assert.ok(again.body.equals(layer));
    }),
);
