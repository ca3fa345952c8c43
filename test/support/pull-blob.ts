// Publishing and pulling blobs in tests of the swarm.

import type { BlobReader } from '../../node/content/blob-reader.ts';
import type { MemoryBlobStore } from './memory-blob-store.ts';
import { seededBytes } from './seeded-bytes.ts';
import type { SwarmFleet, SwarmNode } from './swarm-fleet.ts';

export type TestBlob = ReturnType<MemoryBlobStore['add']> & { readonly bytes: Buffer };

/** Gives a node a blob of seeded bytes and names it as holder. */
export function publish(
  fleet: SwarmFleet,
  node: SwarmNode,
  blob: { readonly seed: string; readonly sizeBytes: number; readonly isOrigin?: boolean },
): TestBlob {
  const bytes = Buffer.concat([...seededBytes(blob.seed, blob.sizeBytes)]);
  const added = node.store.add(bytes);
  fleet.know(added.digest, added.table);
  fleet.hold(added.digest, fleet.peerOf(node, blob.isOrigin ?? false));
  return { ...added, bytes };
}

/** Reads a blob from its start to its end, as a client does, and closes the reader. */
export async function readAll(reader: BlobReader, signal: AbortSignal): Promise<Buffer> {
  await using open = reader;
  const parts: Buffer[] = [];
  const chunk = Buffer.alloc(256 * 1024);
  for (let position = 0; position < open.sizeBytes;) {
    const bytes = await open.read(chunk, position, signal);
    parts.push(Buffer.from(chunk.subarray(0, bytes)));
    position += bytes;
  }
  return Buffer.concat(parts);
}
