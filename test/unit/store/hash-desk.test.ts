import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { TableHasher, WholeHasher } from '../../../node/store/blob-hasher.ts';
import { HashDesk } from '../../../node/store/hash-desk.ts';
import { HashWorkers } from '../../../node/store/hash-workers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { sampleOf } from '../../contract/store/store-under-test.ts';

const sample = sampleOf('desk', 1_500_000);
const wholeHash = createHash('sha256').update(sample.bytes).digest();

test('WholeHasher and TableHasher give the same hashes however the bytes are cut', () => {
  const cuts = fc.array(fc.nat(sample.bytes.byteLength), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (places) => {
      const [whole, leaves] = [new WholeHasher('sha256'), new TableHasher()];
      let at = 0;
      for (const place of [...places, sample.bytes.byteLength].toSorted((a, b) => a - b)) {
        whole.update(sample.bytes.subarray(at, place));
        leaves.update(sample.bytes.subarray(at, place));
        at = place;
      }
      assert.ok(wholeHash.equals(whole.finish().hash));
      assert.deepEqual(leaves.finish().table, sample.table);
    }),
    { numRuns: 20 },
  );
});

test('HashDesk takes bytes only at the position that a stream has reached', () => {
  const desk = new HashDesk();
  desk.run({ type: 'open', stream: 1, plan: { type: 'whole', algorithm: 'sha256' } });

  const early = desk.run({ type: 'absorb', stream: 1, bytes: sample.bytes.subarray(5), position: 5 });
  desk.run({ type: 'absorb', stream: 1, bytes: sample.bytes, position: 0 });
  const again = desk.run({ type: 'absorb', stream: 1, bytes: sample.bytes, position: 0 });
  const result = desk.run({ type: 'finish', stream: 1 });

  assert.deepEqual(early, { type: 'position', positionBytes: 0 });
  assert.deepEqual(again, { type: 'position', positionBytes: sample.bytes.byteLength });
  assert.ok(result.type === 'finished' && result.outcome.type === 'whole' && wholeHash.equals(result.outcome.hash));
});

test('HashDesk answers what it cannot do with a failure', () => {
  const desk = new HashDesk();

  assert.equal(desk.run({ type: 'finish', stream: 9 }).type, 'failed');
  desk.run({ type: 'open', stream: 1, plan: { type: 'whole', algorithm: 'sha256' } });
  const noFile = desk.run({ type: 'absorb_file', stream: 1, path: '/nothing/here', position: 0, lengthBytes: 1 });

  assert.equal(noFile.type, 'failed');
});

test('HashWorkers starts a thread when it is needed and stops it when it rests', async () => {
  await using folder = await openTemporaryFolder('hash');
  const path = join(folder.path, 'file');
  await writeFile(path, sample.bytes);
  const clock = new FakeClock();
  await using workers = new HashWorkers({ clock }, { threadCount: 1 });
  assert.equal(workers.runningCount, 0);

  const stream = workers.openStream({ type: 'table' });
  await stream.absorbFile(path, sample.bytes.byteLength);
  await clock.advance(60_000);
  assert.equal(workers.runningCount, 1, 'a thread with an open stream stays');
  const table = await stream.finishTable();
  // The thread rests only once it has answered that the stream is closed.
  while (workers.runningCount > 0) await clock.advance(60_000);

  assert.deepEqual(table, sample.table);
});

test('HashWorkers spreads streams over its threads', async () => {
  await using workers = new HashWorkers({ clock: new FakeClock() }, { threadCount: 2 });

  const streams = [1, 2, 3].map(() => workers.openStream({ type: 'whole', algorithm: 'sha256' }));

  assert.equal(workers.runningCount, 2);
  const ends = await Promise.all(streams.map(async (stream) => stream.finishWhole()));
  for (const hash of ends) assert.ok(createHash('sha256').digest().equals(hash));
});
