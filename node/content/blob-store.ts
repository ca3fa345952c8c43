// What push and pull need of this host's storage. Implemented in node/store, which alone knows files.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Bitfield } from '../../shared/pieces/bitfield.ts';
import type { BlobReader, LentBytes } from './blob-reader.ts';
import type { Body } from './body.ts';

export interface BlobStat {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface StoredBlob extends BlobStat {
  /** When it was last used, or came, in milliseconds since 1970. */
  readonly lastUsedMs: number;
}

/** Whole, verified blobs under their final names. */
export interface BlobStore {
  stat(digest: Digest): Promise<BlobStat | undefined>;
  /** Opens a whole blob. The caller closes it. */
  open(digest: Digest): Promise<BlobReader | undefined>;
  /** The piece table kept beside a whole blob. */
  table(digest: Digest): Promise<PieceTable | undefined>;
  /** Every whole blob, in no order. */
  list(): AsyncIterable<StoredBlob>;
  /** Notes that the blob is used now; harmless when it is not here. */
  touch(digest: Digest): Promise<void>;
  remove(digest: Digest): Promise<void>;
  usage(): Promise<{ readonly blobCount: number; readonly blobBytes: number; readonly freeBytes: number }>;
}

/** Blobs being downloaded: pieces are written as they are verified and survive a restart. */
export interface PartialStore {
  /**
   * Opens or resumes the partial blob of `digest`. Pieces kept from before are hashed again before they count.
   * @param options.room `all` keeps room for all that is missing; `as_needed` finds out piece by piece. Default `all`.
   * @throws {AppError} `not_enough_space` when the rest would not fit.
   */
  openPartial(
    digest: Digest,
    table: PieceTable,
    options?: { readonly room: 'all' | 'as_needed' },
  ): Promise<PartialBlob>;
}

/** One blob on its way in. One owner at a time. */
export interface PartialBlob extends AsyncDisposable {
  readonly table: PieceTable;
  /** Verified pieces, on disk or on their way there. Grows only by `writePiece`. */
  readonly verified: Bitfield;
  /** A buffer for one piece, shared with the hash worker; waits when too many are out. Give it back with `release`. */
  acquireBuffer(pieceIndex: number, signal: AbortSignal): Promise<PieceBuffer>;
  /**
   * Checks a full buffer against the table and writes it. Takes the buffer back in every case.
   * @param onRight called when the hash is right: the piece can be read from then on. Must not throw.
   * @returns false when the hash is wrong; nothing was written then.
   * @throws {AppError} `not_enough_space`, or what the system says: the piece cannot be read then, even if `onRight` was called.
   */
  writePiece(buffer: PieceBuffer, onRight?: () => void): Promise<boolean>;
  /** Keeps room for all that is missing. @throws {AppError} `not_enough_space`; it goes on as before then. */
  reserveRest(): Promise<void>;
  /** Reads verified bytes at `position`; the caller keeps to verified pieces. @returns bytes read. */
  read(target: Uint8Array, position: number): Promise<number>;
  /**
   * Checks the digest of the whole, once every piece is verified. From then on the last bytes may go to readers: they
   * wait for the hash, not for the disk flush of `finish`.
   * @throws {AppError} `digest_mismatch`; every piece is thrown away then.
   */
  verifyWhole(): Promise<void>;
  /** Flushes and adopts it under its final name, after `verifyWhole` (which it does itself if nobody did). */
  finish(): Promise<void>;
}

/** Bytes of one piece on their way to disk. */
export interface PieceBuffer {
  readonly pieceIndex: number;
  /** Exactly as long as the piece. */
  readonly bytes: Uint8Array;
  /** Gives the buffer back unused. Harmless after `writePiece`. */
  release(): void;
}

/** Blobs that arrive from their first byte to their last, from a source that nobody vouches for. */
export interface ArrivingStore {
  /** Makes room for a blob and opens it. Nothing of it is kept unless it is adopted. @throws {AppError} `not_enough_space` */
  openArriving(blob: BlobStat): Promise<ArrivingBlob>;
}

/** One blob on its way in, in order. Its bytes can be read as they come, though nobody checked them yet. */
export interface ArrivingBlob extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Bytes that can be read, from the first on. */
  readonly readableBytes: number;
  /** Resolves when the byte at `position` can be read, or `receive` or `verify` failed or ended since. */
  grown(position: number, signal: AbortSignal): Promise<void>;
  read(target: Uint8Array, position: number): Promise<number>;
  /** Lends bytes that can be read, as a reader of a whole blob does; undefined also when `position` cannot be read yet. */
  lend(position: number, maxBytes: number): Promise<LentBytes | undefined>;
  /**
   * Appends a body, which may break off: what came of it is kept, and the next one goes on from there.
   * @throws what the body throws, and {AppError} `size_mismatch` for one that is too long, `not_enough_space`
   */
  receive(body: Body, signal: AbortSignal): Promise<void>;
  /** Hashes of the whole pieces that can be read (shared/pieces/piece-table.ts), from `firstPiece` on. Not beside `verify`. */
  pieces(firstPiece: number): Promise<Uint8Array>;
  /** Forgets what came from a byte on, between two bodies. Who read it has read something else than what comes next. */
  stepBack(position: number): void;
  /**
   * Checks the digest of the whole; its piece table may take a little longer, which no reader waits for.
   * @throws {AppError} `digest_mismatch`, `size_mismatch` when bytes are missing
   */
  verify(): Promise<void>;
  /** The piece table, after `verify`. */
  table(): Promise<PieceTable>;
  /** Flushes it and gives it its final name, after `verify`. It can still be read. */
  adopt(): Promise<AdoptedBlob>;
}

declare const uploadBrand: unique symbol;
/** A checked upload session id: a UUID in small letters. */
export type UploadId = string & { readonly [uploadBrand]: 'UploadId' };

export interface AdoptedBlob extends BlobStat {
  readonly table: PieceTable;
}

export interface UploadChunk {
  /** Where the client says that its bytes start; absent for "append". @throws `upload_out_of_order` when it is not the offset. */
  readonly firstByte?: number;
  /** How many bytes the client says it sends; absent for a chunked body. @throws `size_mismatch` when it sends another number. */
  readonly lengthBytes?: number;
  readonly body: Body;
}

/** What a client says of an upload session when it begins one. */
export interface UploadOptions {
  /** What the client says it will finish with; anything served may be used at the end. */
  readonly algorithm?: 'sha256' | 'sha512' | undefined;
  /** Who begins it, if that is known; kept with it. */
  readonly owner?: string | undefined;
}

/** Upload sessions. They survive a restart; one writer at a time, the next one waits (U-11). */
export interface UploadStore {
  /** Opens a session. */
  create(repository: string, options?: UploadOptions): Promise<UploadId>;
  /** Who began it; undefined for nobody in particular. @throws {AppError} `upload_unknown` as `offset` */
  owner(repository: string, id: string): Promise<string | undefined>;
  /** @throws {AppError} `upload_unknown` for another repository, a finished, cancelled or expired session. */
  offset(repository: string, id: string): Promise<number>;
  /**
   * Appends a chunk. Bytes that arrived before a broken connection are kept (U-10), except when their number contradicts
   * `lengthBytes` although the body ended properly: then the session goes back to the offset before (U-45).
   * @returns the new offset.
   * @throws {AppError} `upload_unknown`, `upload_out_of_order` (detail.offset), `size_mismatch`, `not_enough_space`
   */
  append(repository: string, id: string, chunk: UploadChunk, signal: AbortSignal): Promise<number>;
  /**
   * Ends a session, optionally with a last chunk, and adopts the blob: hash checked, flushed, renamed, folder flushed.
   * A digest mismatch ends the session with nothing stored; `upload_out_of_order` leaves it as it was.
   * @throws {AppError} as `append`, and `digest_mismatch`
   */
  finish(
    repository: string,
    id: string,
    digest: Digest,
    chunk: UploadChunk | undefined,
    signal: AbortSignal,
  ): Promise<AdoptedBlob>;
  /** @throws {AppError} `upload_unknown` */
  cancel(repository: string, id: string): Promise<void>;
}

/** How the bytes of a file that is not ours come into the store: `auto` shares them where the disk can, and copies otherwise. */
export const ADOPTION_MODES = ['auto', 'link', 'copy'] as const;
export type AdoptionMode = (typeof ADOPTION_MODES)[number];

/** How they came: `cloned` shares blocks until one side changes, `linked` is the same file under a second name. */
export const ADOPTION_WAYS = ['present', 'cloned', 'linked', 'copied'] as const;
export type AdoptionWay = (typeof ADOPTION_WAYS)[number];

/** Takes over files of others, which stay where they are and are never written to. */
export interface FileAdopter {
  /**
   * Adopts what a file holds: hashed under its new name, flushed. Nothing stays behind when it is not what was said.
   * @param file.path an ordinary file; a symbolic link is refused.
   * @throws {AppError} `blob_unknown` when there is no such file, `access_denied` when it may not be read, `digest_mismatch`,
   * `not_enough_space`; `not_supported` when `link` was asked for and the disk cannot.
   */
  adopt(
    file: { readonly path: string; readonly digest: Digest; readonly mode: AdoptionMode },
    signal: AbortSignal,
  ): Promise<AdoptedBlob & { readonly way: AdoptionWay }>;
}
