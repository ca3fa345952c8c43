import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockAllocator } from '../../../node/store/block-allocator.ts';

const options = { capacityBytes: 64, minBlockBytes: 1, maxBlockBytes: 16 };
const sizes = [1, 2, 4, 8, 16];

test('Blocks never overlap, lie on multiples of their size, and all grow together again', () => {
  const steps = fc.array(
    fc.oneof(fc.record({ take: fc.constantFrom(...sizes) }), fc.record({ giveBack: fc.nat(100) })),
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const allocator = new BlockAllocator(options);
      const out: { offset: number; size: number }[] = [];
      for (const step of plan) {
        if ('take' in step) {
          const offset = allocator.allocate(step.take);
          if (offset !== undefined) out.push({ offset, size: step.take });
        } else {
          const [block] = out.splice(step.giveBack % Math.max(1, out.length), 1);
          if (block !== undefined) allocator.free(block.offset, block.size);
        }
        assertApart(out);
      }
      for (const { offset, size } of out) allocator.free(offset, size);
      const all = [1, 2, 3, 4].map(() => allocator.allocate(16));
      assert.deepEqual(all, [0, 16, 32, 48]);
      assert.equal(allocator.allocate(1), undefined);
    }),
  );
});

test('The lowest place is handed out first', () => {
  const allocator = new BlockAllocator(options);
  const offsets = [1, 1, 4].map((size) => allocator.allocate(size));

  allocator.free(0, 1);

  assert.deepEqual(offsets, [0, 1, 4]);
  assert.equal(allocator.allocate(1), 0);
});

test('A length gets the next larger block, and one that is too long is a bug', () => {
  const allocator = new BlockAllocator(options);

  assert.deepEqual(
    [1, 3, 9, 16].map((length) => allocator.blockBytesFor(length)),
    [1, 4, 16, 16],
  );
  assert.throws(() => allocator.blockBytesFor(17), /fits the largest block/);
});

function assertApart(blocks: readonly { offset: number; size: number }[]): void {
  let end = 0;
  for (const { offset, size } of blocks.toSorted((a, b) => a.offset - b.offset)) {
    assert.ok(offset >= end && offset % size === 0 && offset + size <= 64);
    end = offset + size;
  }
}
