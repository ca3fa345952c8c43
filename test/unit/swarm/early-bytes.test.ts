import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EarlyBlocks, EarlyBytes } from '../../../node/swarm/early-bytes.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

test('Early bytes come out as they went in, however they are cut, from blocks that were used before', () => {
  const blocks = new EarlyBlocks();
  const cuts = fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, fc.string(), (sizes, seed) => {
      const early = new EarlyBytes(blocks);
      const chunks = sizes.map((size, at) => Buffer.concat([...seededBytes(`${seed}-${at}`, size)]));
      for (const chunk of chunks) {
        const reused = Buffer.from(chunk);
        early.add(reused);
        reused.fill(0);
      }

      const got: Buffer[] = [];
      early.drain((bytes) => got.push(Buffer.from(bytes)));

      assert.ok(Buffer.concat(got).equals(Buffer.concat(chunks)));
      early.drain(() => assert.fail('nothing is left'));
    }),
    { numRuns: 50 },
  );
});
