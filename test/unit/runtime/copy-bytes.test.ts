import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { copyBytes } from '../../../shared/runtime/copy-bytes.ts';

test('Bytes come to their place in shared memory, and to no other, however they lie', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(40), fc.nat(40), fc.nat(9), (bytes, at, room, skew) => {
      const memory = new SharedArrayBuffer(skew + at + bytes.byteLength + room);
      const target = new Uint8Array(memory, skew);
      const outer = Uint8Array.from([...Array.from({ length: skew }, () => 7), ...bytes]);

      copyBytes(outer.subarray(skew), target, at);

      const wanted = new Uint8Array(memory.byteLength);
      wanted.set(bytes, skew + at);
      assert.deepEqual(new Uint8Array(memory), wanted);
    }),
  );
});

test('Bytes that do not fit are refused and nothing is copied', () => {
  const target = new Uint8Array(new SharedArrayBuffer(8), 0, 4);
  for (const [length, at] of [
    [5, 0],
    [1, 4],
    [4, 1],
  ] as const) {
    assert.throws(() => copyBytes(new Uint8Array(length).fill(1), target, at), RangeError);
  }
  assert.deepEqual(new Uint8Array(target.buffer), new Uint8Array(8));
});
