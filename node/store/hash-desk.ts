// What a hash thread does, one operation after the other. Also the messages between it and the main thread: the
// main thread sends HashOperations in batches and gets one HashResult for each, in the same order.

import { closeSync, openSync, readSync } from 'node:fs';
import { hashPiece } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import { createHasher, TableHasher, type BlobHasher, type HashOutcome, type HashPlan } from './blob-hasher.ts';

/** `stream` numbers a running hash of a blob; it takes bytes only at the position that it has reached. A check of a piece needs none. `greet` does nothing. */
export type HashOperation =
  | { readonly type: 'greet' }
  | { readonly type: 'open'; readonly stream: number; readonly plan: HashPlan }
  | { readonly type: 'absorb'; readonly stream: number; readonly bytes: Uint8Array; readonly position: number }
  | {
      readonly type: 'absorb_file';
      readonly stream: number;
      readonly path: string;
      readonly position: number;
      readonly lengthBytes: number;
    }
  | { readonly type: 'verify'; readonly bytes: Uint8Array; readonly hash: Uint8Array }
  | {
      readonly type: 'verify_file';
      readonly path: string;
      readonly position: number;
      readonly lengthBytes: number;
      readonly hash: Uint8Array;
    }
  | { readonly type: 'pieces'; readonly stream: number; readonly pieceBytes: number; readonly firstPiece: number }
  | { readonly type: 'finish'; readonly stream: number }
  | { readonly type: 'close'; readonly stream: number };

export type HashResult =
  | { readonly type: 'greeted' }
  | { readonly type: 'position'; readonly positionBytes: number }
  | { readonly type: 'verified'; readonly isRight: boolean }
  | { readonly type: 'pieces'; readonly hashes: Uint8Array }
  | { readonly type: 'finished'; readonly outcome: HashOutcome }
  | { readonly type: 'failed'; readonly message: string };

/** Bytes read from a file at once. */
const READ_BYTES = 1024 * 1024;

/** The running hashes of one thread. */
export class HashDesk {
  readonly #streams = new Map<number, BlobHasher>();
  #readBuffer = new Uint8Array(0);

  /** Never throws: a failure is an answer. */
  run(operation: HashOperation): HashResult {
    try {
      return this.#run(operation);
    } catch (error) {
      return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  #run(operation: HashOperation): HashResult {
    switch (operation.type) {
      case 'greet':
        return { type: 'greeted' };
      case 'open':
        this.#streams.set(operation.stream, createHasher(operation.plan));
        return { type: 'position', positionBytes: 0 };
      case 'close':
        this.#streams.delete(operation.stream);
        return { type: 'position', positionBytes: 0 };
      case 'finish': {
        const outcome = this.#stream(operation.stream).finish();
        this.#streams.delete(operation.stream);
        return { type: 'finished', outcome };
      }
      case 'pieces':
        return { type: 'pieces', hashes: this.#tableStream(operation.stream).pieces(operation) };
      case 'absorb':
        return this.#absorb(operation.stream, operation.position, operation.bytes);
      case 'absorb_file':
        return this.#absorbFile(operation);
      case 'verify':
        return verified(operation.bytes, operation.hash);
      case 'verify_file': {
        const bytes = this.#read(operation.path, operation.position, operation.lengthBytes);
        return verified(bytes, operation.hash);
      }
      default: {
        const never: never = operation;
        return never;
      }
    }
  }

  #stream(id: number): BlobHasher {
    const hasher = this.#streams.get(id);
    invariant(hasher !== undefined, 'a hash stream is opened before it is used');
    return hasher;
  }

  #tableStream(id: number): TableHasher {
    const hasher = this.#stream(id);
    invariant(hasher instanceof TableHasher, 'pieces are asked of a stream that makes a table');
    return hasher;
  }

  #absorb(stream: number, position: number, bytes: Uint8Array): HashResult {
    const hasher = this.#stream(stream);
    if (hasher.positionBytes === position) hasher.update(bytes);
    return { type: 'position', positionBytes: hasher.positionBytes };
  }

  #absorbFile(from: {
    readonly stream: number;
    readonly path: string;
    readonly position: number;
    readonly lengthBytes: number;
  }): HashResult {
    const hasher = this.#stream(from.stream);
    const end = from.position + from.lengthBytes;
    if (hasher.positionBytes === from.position) {
      for (let at = from.position; at < end; at += READ_BYTES) {
        hasher.update(this.#read(from.path, at, Math.min(READ_BYTES, end - at)));
      }
    }
    return { type: 'position', positionBytes: hasher.positionBytes };
  }

  /** A view of the desk's own buffer, good until the next read. */
  #read(path: string, position: number, lengthBytes: number): Uint8Array {
    if (this.#readBuffer.byteLength < lengthBytes) this.#readBuffer = new Uint8Array(Math.max(READ_BYTES, lengthBytes));
    const bytes = this.#readBuffer.subarray(0, lengthBytes);
    const fd = openSync(path, 'r');
    try {
      for (let done = 0; done < lengthBytes;) {
        const count = readSync(fd, bytes, done, lengthBytes - done, position + done);
        invariant(count > 0, 'a file that is hashed is as long as was said');
        done += count;
      }
    } finally {
      closeSync(fd);
    }
    return bytes;
  }
}

function verified(bytes: Uint8Array, hash: Uint8Array): HashResult {
  return { type: 'verified', isRight: Buffer.compare(hashPiece(bytes), hash) === 0 };
}
