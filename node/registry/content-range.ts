// The `Content-Range` of an upload chunk (distribution-spec v1.1, "Pushing a blob in chunks"): `<first>-<last>`, both
// included, no unit and no total. The form of RFC 9110 around it is tolerated.

import type { ByteRange } from '../../shared/oci/byte-range.ts';

const CHUNK = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/;

export type ChunkRange =
  | { readonly type: 'absent' }
  | { readonly type: 'broken' }
  | { readonly type: 'range'; readonly range: ByteRange };

export function parseChunkRange(header: string | undefined): ChunkRange {
  if (header === undefined) return { type: 'absent' };
  const match = CHUNK.exec(header.trim());
  if (match === null) return { type: 'broken' };
  const first = Number(match[1]);
  const last = Number(match[2]);
  const holds = Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last;
  return holds ? { type: 'range', range: { first, last } } : { type: 'broken' };
}
