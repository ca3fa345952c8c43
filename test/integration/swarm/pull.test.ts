import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buffer } from 'node:buffer';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const signal = AbortSignal.timeout(60_000);

function someBytes(seed: string, sizeBytes: number): Buffer {
  return Buffer.concat([...seededBytes(seed, sizeBytes)]);
}

async function readAll(reader: BlobReader): Promise<Buffer> {
  const parts: Buffer[] = [];
  const chunk = Buffer.alloc(256 * 1024);
  for (let position = 0; ;) {
    const bytes = await reader.read(chunk, position, signal);
    if (bytes === 0) break;
    parts.push(Buffer.from(chunk.subarray(0, bytes)));
    position += bytes;
  }
  await reader[Symbol.asyncDispose]();
  return Buffer.concat(parts);
}

/** A holder with a blob, known to the coordinator. */
async function publish(fleet: SwarmFleet, node: SwarmNode, bytes: Buffer, isOrigin = false) {
  const blob = node.store.add(bytes);
  fleet.know(blob.digest, blob.table);
  fleet.hold(blob.digest, fleet.peerOf(node, isOrigin));
  return blob;
}

for (const sizeBytes of [0, 1, 100_000, 128 * 1024, 128 * 1024 + 1, 20 * MIB + 7]) {
  for (const isOrigin of [false, true]) {
    test(`A blob of ${sizeBytes} bytes comes from ${isOrigin ? 'an origin' : 'another node'} as it is there`, async () => {
      await using fleet = await SwarmFleet.open();
      const holder = await fleet.start('holder', { isOrigin });
      const puller = await fleet.start('puller');
      const bytes = someBytes('one', sizeBytes);
      const blob = await publish(fleet, holder, bytes, isOrigin);

      const got = await readAll(await puller.swarm.open(blob, signal));

      assert.ok(got.equals(bytes));
    });
  }
}
