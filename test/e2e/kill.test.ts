// kill -9 of one process at a bad moment: nothing that was acknowledged is lost, and what was waiting goes on.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import { pieceBytesFor } from '../../shared/pieces/piece-table.ts';
import { pullAndHash } from '../support/pull-and-hash.ts';
import { addBusyboxImage } from '../support/busybox-image.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { type Descriptor, ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

const blobBytes = 60_000_000;
const artifactType = 'application/vnd.example.bytes';

describe('kill -9', needs({ namespaces: true, commands: ['curl', 'busybox'] }), () => {
  let fleet: Fleet;
  let layout: ImageLayout;
  let origin: FleetNode;
  let pusher: FleetNode;
  let puller: FleetNode;

  before(async () => {
    // Slow enough that a transfer can be caught in the middle: three seconds for the blob of these tests.
    fleet = await Fleet.start({ nodes: 3, bytesPerSecond: 20_000_000 });
    layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    origin = fleet.node(0);
    pusher = fleet.node(1);
    puller = fleet.node(2);
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('of the pushing node between layers and manifest loses no layer', async () => {
    const image = await addBusyboxImage(layout, { word: 'killed', layerBytes: [3_000_000] });
    const { config, layers = [] } = await layout.readManifest(image.digest);
    const blobs = [...layers, config].filter((blob) => blob !== undefined);
    for (const blob of blobs) await pusher.registry.pushBlob('kill/push', blob, layout.stream(blob.digest));

    await pusher.program.kill('SIGKILL');
    await pusher.program.restart();

    for (const { digest } of blobs) assert.ok(await pusher.registry.hasBlob('kill/push', digest), digest);
    await pushImage(pusher.registry, layout, image, { repository: 'kill/push', reference: 'v1' });
    assert.equal(await puller.registry.resolve('kill/push', 'v1'), image.digest);
  });

  test('of a pulling node on the way loses no byte: after its restart only the rest is fetched', async () => {
    const blob = await pushBytes(pusher, 'kill/pull');
    const first = pullAndHash(puller, 'kill/pull', blob.digest).catch((error: unknown) => error);
    await eventually({ what: 'a third of the blob' }, async () => (await keptBytes(puller, blob)) > blobBytes / 3);

    await puller.program.kill('SIGKILL');
    assert.ok((await first) instanceof Error, 'the client was told');
    const restBytes = blobBytes - (await keptBytes(puller, blob));
    await puller.program.restart();
    const earlier = await receivedBytes(puller);
    const digest = await pullAndHash(puller, 'kill/pull', blob.digest);

    const received = (await receivedBytes(puller)) - earlier;
    assert.equal(digest, blob.digest);
    // Framing, TLS and the conversation with the coordinator come on top, and pieces that are asked for twice.
    assert.ok(received < restBytes * 1.05 + 4_000_000, `${received} bytes received for ${restBytes}`);
  });

  test('of the only holder makes the others wait; when it returns, their pulls complete', async () => {
    const blob = await pushBytes(origin, 'kill/holder');
    const earlier = await receivedBytes(puller);
    const pulls = [puller, pusher].map(async (node) => pullAndHash(node, 'kill/holder', blob.digest));
    await eventually(
      { what: 'a third of the blob' },
      async () => (await receivedBytes(puller)) - earlier > blobBytes / 3,
    );

    await origin.program.kill('SIGKILL');
    await origin.program.restart();

    assert.deepEqual(await Promise.all(pulls), [blob.digest, blob.digest]);
  });

  test('of the coordinator during commits loses no tag that was acknowledged', async (t) => {
    const random = printedRandom((line) => t.diagnostic(line));
    const acknowledged = new Map<string, string>();
    let isDone = false;
    const pushing = (async () => {
      for (let number = 0; !isDone; number += 1) {
        const content = [Buffer.from(`content of ${number}`)];
        const artifact = await layout.addArtifact({ artifactType, content });
        const target = { repository: 'kill/commits', reference: `v${number}` };
        const isAcknowledged = await pushImage(pusher.registry, layout, artifact, target).then(
          () => true,
          () => false, // refused while the coordinator is away, as it should be
        );
        if (isAcknowledged) acknowledged.set(target.reference, artifact.digest);
      }
    })();

    for (let round = 0; round < 5; round += 1) {
      const count = acknowledged.size;
      await eventually({ what: 'pushes to go on' }, () => acknowledged.size > count);
      await pause(random() * 100); // any moment of a commit
      await fleet.coordinator.kill('SIGKILL');
      await fleet.coordinator.restart();
    }
    isDone = true;
    await pushing;

    const [first = ''] = acknowledged.keys();
    await eventually({ what: 'the pulling node to see the coordinator' }, async () =>
      isFresh(puller, 'kill/commits', first),
    );
    for (const [tag, digest] of acknowledged) {
      assert.equal(await puller.registry.resolve('kill/commits', tag), digest, tag);
    }
  });

  async function pushBytes(node: FleetNode, repository: string): Promise<Descriptor> {
    const artifact = await layout.addArtifact({ artifactType, content: seededBytes(repository, blobBytes) });
    await pushImage(node.registry, layout, artifact, { repository, reference: 'v1' });
    return layout.blobOf(artifact);
  }
});

async function receivedBytes({ host }: FleetNode): Promise<number> {
  return (await host.counters()).receivedBytes;
}

/** How much of a blob is on a node's disk and on record there, so that a restart goes on with it. */
async function keptBytes({ folder }: FleetNode, { digest, size }: Descriptor): Promise<number> {
  const bits = await readFile(join(folder, 'data/store/partial', digest.replace(':', '-'), 'have'));
  const pieceBytes = pieceBytesFor(size);
  return Bitfield.parse(Math.ceil(size / pieceBytes), bits).count * pieceBytes;
}

/** A node that cannot reach the coordinator says with a warning that its answer may be old. */
async function isFresh({ registry }: FleetNode, repository: string, tag: string): Promise<boolean> {
  const answer = await registry.pullManifest(repository, tag);
  return answer.headers['warning'] === undefined;
}
