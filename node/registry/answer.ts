// What a route gives back: status, headers and body as values, so that one place writes them out.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { BlobReader } from '../content/blob-reader.ts';

/** Sent with every answer of the registry API (the Docker registry API's own version header). */
export const API_VERSION: readonly [string, string] = ['Docker-Distribution-Api-Version', 'registry/2.0'];

/** A stretch of a blob with the bytes that go out before it. */
export interface BlobPart {
  readonly prefix?: Uint8Array;
  readonly range: ByteRange;
}

/** A body read from a blob while it is sent. Whoever writes the answer closes the reader. */
export interface BlobBody {
  readonly digest: string;
  readonly reader: BlobReader;
  readonly parts: readonly BlobPart[];
  /** Goes out after the last part. */
  readonly suffix?: Uint8Array;
}

export interface Answer {
  readonly status: number;
  /** Names and values in turn; a name may stand several times. Holds `Content-Length` unless the status forbids a body. */
  readonly headers: string[];
  /** Left out on HEAD, where the headers stay those of GET. */
  readonly body?: Uint8Array | BlobBody;
}

/** An answer without a body, for statuses that may have one. */
export function emptyAnswer(status: number, ...headers: readonly string[]): Answer {
  return { status, headers: [...API_VERSION, 'Content-Length', '0', ...headers] };
}

/** An answer whose status forbids a body and its length: 204 and 304. */
export function bareAnswer(status: 204 | 304, ...headers: readonly string[]): Answer {
  return { status, headers: [...API_VERSION, ...headers] };
}

/** An answer from memory. @param contentType goes out as it is, without a charset. */
export function bytesAnswer(
  status: number,
  contentType: string,
  body: Uint8Array,
  ...headers: readonly string[]
): Answer {
  const length = String(body.byteLength);
  return { status, headers: [...API_VERSION, 'Content-Type', contentType, 'Content-Length', length, ...headers], body };
}

export function jsonAnswer(status: number, value: unknown, ...headers: readonly string[]): Answer {
  return bytesAnswer(status, 'application/json', Buffer.from(JSON.stringify(value)), ...headers);
}
