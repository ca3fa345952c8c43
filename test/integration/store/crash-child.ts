// Pushes and downloads without end, and says on stdout what was acknowledged. Killed by crash.test.ts at any moment.
// Arguments: folder, number of the round.

import type { Store } from '../../../node/store/store.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { bodyOf, never, sampleOf } from '../../contract/store/store-under-test.ts';
import { openTestStore } from '../../support/test-store.ts';

const [folder = '', round = ''] = process.argv.slice(2);
const store = await openTestStore({ folder }, { clock: systemClock });
await Promise.all([push(store, 'a', 1_700_000), push(store, 'b', 90_000), download(store, 3_000_000)]);

function say(...words: readonly (string | number)[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}

async function push({ uploads }: Store, name: string, sizeBytes: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const seed = `${round}-${name}-${count}`;
    const { bytes, digest } = sampleOf(seed, sizeBytes + count);
    const id = await uploads.create('a/b');
    say('created', id, seed, bytes.byteLength);
    const half = bytes.byteLength >> 1;
    say('offset', id, await uploads.append('a/b', id, { body: bodyOf(bytes.subarray(0, half)) }, never));
    await uploads.finish('a/b', id, digest, { body: bodyOf(bytes.subarray(half)) }, never);
    say('adopted', id, digest);
  }
}

async function download({ partials }: Store, sizeBytes: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const seed = `${round}-download-${count}`;
    const { bytes, digest, table } = sampleOf(seed, sizeBytes);
    await using partial = await partials.openPartial(digest, table);
    say('partial', seed, sizeBytes);
    for (let pieceIndex = 0; pieceIndex < partial.verified.length; pieceIndex += 1) {
      const buffer = await partial.acquireBuffer(pieceIndex, never);
      const from = pieceIndex * table.pieceBytes;
      buffer.bytes.set(bytes.subarray(from, from + buffer.bytes.byteLength));
      await partial.writePiece(buffer);
      say('piece', pieceIndex);
    }
    await partial.finish();
    say('adopted', seed, digest);
  }
}
