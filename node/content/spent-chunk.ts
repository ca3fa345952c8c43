// Gives the memory of a chunk that came over a connection back at once, instead of when the collector comes by.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Smaller chunks share their memory with others, or are not worth the call. */
const LEAST_BYTES = 16 * 1024;

type Transfer = (this: ArrayBufferLike, lengthBytes: number) => ArrayBufferLike;

let transfer: Transfer | undefined;

/**
 * Frees the memory of `chunk`, which has no bytes afterwards. Only for its last owner. Does nothing to a chunk that is a
 * part of a larger buffer. Without it the chunks of an upload count as memory in use until a scavenge finds them, and V8
 * answers by marking the whole heap again and again.
 */
export function freeChunk(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk;
  if (byteLength < LEAST_BYTES || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  transfer ??= findTransfer();
  transfer.call(buffer, 0);
}

/** `ArrayBuffer.prototype.transfer` (ECMAScript 2024): Node 20 has it behind a flag, which only contexts made afterwards know of. */
function findTransfer(): Transfer {
  const own: unknown = Reflect.get(ArrayBuffer.prototype, 'transfer');
  if (isTransfer(own)) return own;
  setFlagsFromString('--harmony-rab-gsab-transfer');
  const found: unknown = runInNewContext('ArrayBuffer.prototype.transfer');
  return isTransfer(found) ? found : keep;
}

function isTransfer(value: unknown): value is Transfer {
  return typeof value === 'function';
}

/** Where there is no such function the collector does it, later. */
function keep(this: ArrayBufferLike): ArrayBufferLike {
  return this;
}
