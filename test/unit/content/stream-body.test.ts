import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TakeBytes } from '../../../node/content/body.ts';
import { chunkedBody } from '../../../node/content/body.ts';
import { streamBody } from '../../../node/content/stream-body.ts';

const never = new AbortController().signal;
const KINDS = {
  'a stream': (chunks: readonly Buffer[]) => streamBody(Readable.from(chunks)),
  'a list of chunks': (chunks: readonly Buffer[]) => chunkedBody(Readable.from(chunks)),
};

for (const [kind, bodyOf] of Object.entries(KINDS)) {
  describe(`The body of ${kind}`, () => {
    it('gives every byte in order, and nothing while a buffer is still being taken', async () => {
      const buffers = fc.array(fc.record({ length: fc.integer({ min: 1, max: 40_000 }), isSlow: fc.boolean() }));
      await fc.assert(
        fc.asyncProperty(buffers, async (steps) => {
          const chunks = steps.map(({ length }, at) => Buffer.alloc(length, at));
          const want = Buffer.concat(chunks);
          const got: Buffer[] = [];
          let isTaking = false;
          const take: TakeBytes = (bytes) => {
            assert.equal(isTaking, false);
            if (steps[got.length]?.isSlow !== true) return void got.push(Buffer.from(bytes));
            isTaking = true;
            return nextTurn().then(() => {
              isTaking = false;
              got.push(Buffer.from(bytes));
            });
          };
          await bodyOf(chunks).pour(take, never);
          assert.ok(Buffer.concat(got).equals(want));
        }),
        { numRuns: 50 },
      );
    });

    it('ends with what taking threw, at once or later', async () => {
      const chunks = [Buffer.from('a'), Buffer.from('b')];
      const takes: readonly TakeBytes[] = [
        () => {
          throw new Error('the disk is full');
        },
        () => Promise.reject(new Error('the disk is full')),
      ];
      for (const take of takes) {
        let count = 0;
        const counted: TakeBytes = (bytes) => {
          count += 1;
          return take(bytes);
        };
        await assert.rejects(bodyOf([...chunks]).pour(counted, never), /the disk is full/);
        assert.equal(count, 1);
      }
    });

    it('does not begin for a signal that is aborted', async () => {
      const take: TakeBytes = () => assert.fail('nothing is given');
      await assert.rejects(bodyOf([Buffer.from('a')]).pour(take, AbortSignal.abort(new Error('gone'))), /gone/);
    });
  });
}

describe('The body of a stream', () => {
  it('gives up waiting when the signal is aborted, and leaves the rest of the stream to others', async () => {
    const source = endless();
    const stop = new AbortController();
    const got: string[] = [];
    const pouring = streamBody(source).pour((bytes) => void got.push(Buffer.from(bytes).toString()), stop.signal);
    source.push('one');
    await nextTurn();
    stop.abort(new Error('gone'));
    await assert.rejects(pouring, /gone/);
    assert.equal(source.destroyed, false);
    assert.deepEqual(source.listenerCount('data'), 0);

    source.push('two');
    await nextTurn();
    assert.deepEqual(got, ['one']);
    assert.equal(String(source.read()), 'two');
  });

  it('waits for what is being taken before it says that it was given up, or that the stream broke', async () => {
    for (const end of ['abort', 'destroy'] as const) {
      const source = endless();
      const stop = new AbortController();
      const gate = new EventEmitter();
      let isSettled = false;
      const pouring = streamBody(source)
        .pour(() => once(gate, 'open').then(() => undefined), stop.signal)
        .finally(() => (isSettled = true));
      const outcome = assert.rejects(pouring, /gone/);
      source.push('one');
      await nextTurn();
      if (end === 'abort') stop.abort(new Error('gone'));
      else source.destroy(new Error('gone'));
      await nextTurn();
      assert.equal(isSettled, false);
      gate.emit('open');
      await outcome;
    }
  });

  it('tells a stream that was closed before its end from one that ended', async () => {
    const source = endless();
    const pouring = streamBody(source).pour(() => undefined, never);
    const outcome = assert.rejects(pouring, /broke off/);
    source.destroy();
    await outcome;
    await assert.rejects(
      streamBody(source).pour(() => undefined, never),
      /broke off/,
    );
  });
});

/** A stream that gives what is pushed. */
function endless(): Readable {
  return new Readable({ read: () => undefined });
}
