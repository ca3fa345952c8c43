// What crosses the network when clients read parts of a blob that their host does not have.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

const MIB = 1024 ** 2;
const sizeBytes = 96 * MIB;
/** Pieces of a blob of this size are of 128 KiB: a range costs less than two of them on top of its own bytes. */
const pieceBytes = MIB / 8;

describe('Ranges of a blob that is elsewhere', needs({ namespaces: true, commands: ['curl'] }), () => {
  let fleet: Fleet;
  let url: string;
  let bytes: Buffer;

  before(async () => {
    fleet = await Fleet.start({ nodes: 3, nodeArgs: ['--peers-background-fill=off'] });
    const layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    bytes = Buffer.concat([...seededBytes('ranges', sizeBytes)]);
    const type = 'application/vnd.example.large';
    const artifact = await layout.addArtifact({ artifactType: type, content: [bytes] });
    const { digest } = await layout.blobOf(artifact);
    await pushImage(fleet.node(0).registry, layout, artifact, { repository: 'ranges', reference: 'v1' });
    url = `http://localhost:5000/v2/ranges/blobs/${digest}`;
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('Eight ranges that curl asks for at once are right, and hardly more than they are crosses the network', async () => {
    const node = fleet.node(1);
    await node.registry.pullManifest('ranges', 'v1');
    const ranges = Array.from(
      { length: 8 },
      (_, at) => [at * 11 * MIB + 1000, at * 11 * MIB + 1000 + 2 * MIB - 1] as const,
    );
    const suffix = [sizeBytes - 5000, sizeBytes - 1] as const;
    const all = [...ranges, suffix];
    const earlier = (await node.host.counters()).receivedBytes;

    const got = await Promise.all(all.map(([first, last]) => hashOfRange(node, first, last)));

    const received = (await node.host.counters()).receivedBytes - earlier;
    got.forEach((hash, at) => {
      const [first, last] = all[at] ?? [0, 0];
      assert.equal(hash, sha256(bytes.subarray(first, last + 1)));
    });
    const mostBytes = (8 * (2 * MIB + 2 * pieceBytes) + 2 * pieceBytes) * 1.05 + MIB;
    assert.ok(received >= 16 * MIB && received <= mostBytes, `${received} bytes received, ${mostBytes} allowed`);
  });

  test('A blob that curl puts together from parallel ranges is whole, and crosses the network once', async () => {
    const node = fleet.node(2);
    await node.registry.pullManifest('ranges', 'v1');
    const partBytes = 8 * MIB;
    const parts = Array.from({ length: sizeBytes / partBytes }, (_, at) => at * partBytes);
    const earlier = (await node.host.counters()).receivedBytes;

    for (let at = 0; at < parts.length; at += 4) {
      const hashes = await Promise.all(
        parts.slice(at, at + 4).map((first) => hashOfRange(node, first, first + partBytes - 1)),
      );
      hashes.forEach((hash, part) => {
        const first = (at + part) * partBytes;
        assert.equal(hash, sha256(bytes.subarray(first, first + partBytes)));
      });
    }

    const received = (await node.host.counters()).receivedBytes - earlier;
    assert.ok(received >= sizeBytes && received <= sizeBytes * 1.05, `${received} bytes received`);
  });

  async function hashOfRange(node: FleetNode, first: number, last: number): Promise<string> {
    const script = `set -o pipefail; curl --silent --show-error --fail --range ${first}-${last} ${url} | sha256sum`;
    const output = await node.host.run(['bash', '-c', script], { timeoutMs: 120_000 });
    return output.slice(0, 64);
  }
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
