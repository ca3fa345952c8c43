// What the contract suites need of a store, so that fakes can run them too.

import { chunkedBody, type Body } from '../../../node/content/body.ts';
import type { BlobStore, PartialStore, UploadChunk, UploadStore } from '../../../node/content/blob-store.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { LEAF_BYTES, PieceTableBuilder, hashPiece, type PieceTable } from '../../../shared/pieces/piece-table.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

/** An empty store that the test closes. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly partials: PartialStore;
  readonly uploads: UploadStore;
}

/** Makes an empty store. */
export type OpenStoreUnderTest = () => Promise<StoreUnderTest>;

/** Content with all that is known of it. */
export interface Sample {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly table: PieceTable;
}

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

/** The same content for the same arguments. */
export function sampleOf(seed: string, sizeBytes: number, algorithm: 'sha256' | 'sha512' = 'sha256'): Sample {
  const bytes = Buffer.concat([...seededBytes(seed, sizeBytes)]);
  const builder = new PieceTableBuilder();
  for (let at = 0; at < sizeBytes; at += LEAF_BYTES) builder.addLeaf(hashPiece(bytes.subarray(at, at + LEAF_BYTES)));
  return { bytes, digest: digestOf(bytes, algorithm), table: builder.finish(sizeBytes) };
}

/** Chunks of a body, each gone when the next one is asked for. @param options.breaksWith thrown after the last chunk, as a connection does that breaks. */
export async function* chunksOf(
  bytes: Uint8Array,
  options: { readonly chunkBytes?: number; readonly breaksWith?: Error } = {},
): AsyncGenerator<Uint8Array> {
  const chunkBytes = options.chunkBytes ?? 64 * 1024;
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    await Promise.resolve();
    const chunk = Uint8Array.from(bytes.subarray(at, at + chunkBytes));
    yield chunk;
    chunk.fill(0);
  }
  if (options.breaksWith !== undefined) throw options.breaksWith;
}

/** @see chunksOf */
export function bodyOf(...content: Parameters<typeof chunksOf>): Body {
  return chunkedBody(chunksOf(...content));
}

/** A chunk of a body, without further claims. */
export function chunkOf(bytes: Uint8Array): UploadChunk {
  return { body: bodyOf(bytes) };
}

/** Pushes content in one go. */
export async function pushSample(uploads: UploadStore, sample: Sample): Promise<void> {
  const id = await uploads.create('a/b');
  await uploads.finish('a/b', id, sample.digest, chunkOf(sample.bytes), never);
}

/** All bytes of a whole blob; undefined when it is not there. */
export async function readBlob(blobs: BlobStore, digest: Digest): Promise<Buffer | undefined> {
  await using reader = await blobs.open(digest);
  if (reader === undefined) return undefined;
  const bytes = Buffer.alloc(reader.sizeBytes);
  for (let at = 0; at < bytes.byteLength;) at += await reader.read(bytes.subarray(at, at + 100_000), at, never);
  return bytes;
}
