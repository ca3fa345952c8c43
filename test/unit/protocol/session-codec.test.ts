import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { METHODS } from '../../../shared/protocol/coordinator-methods.ts';
import {
  decodeCoordinatorMessage,
  decodeRequest,
  encodeError,
  encodeEvent,
  encodeRequest,
  encodeResult,
  errorFromWire,
  parseResult,
} from '../../../shared/protocol/session-codec.ts';
import { isPlainMessagePack } from '../../../shared/protocol/msgpack-shape.ts';

const digest = digestOf(Buffer.from('x'));
const packr = new Packr({ useRecords: false });

test('A request arrives as it was sent, bytes included', () => {
  const params = { repository: 'a/b', digest, mediaType: 'm', bytes: Buffer.from('{}'), tags: ['v1'] };

  const request = decodeRequest(encodeRequest(7, 'manifest.put', params));

  assert.deepEqual(request, { id: 7, method: 'manifest.put', params });
});

test('An absent optional field may be written as undefined', () => {
  const bytes = encodeResult(1, { table: undefined, neighbours: [] });

  const message = decodeCoordinatorMessage(bytes);

  assert.ok(message?.type === 'result');
  assert.deepEqual(parseResult('blob.locate', message.result), { neighbours: [] });
});

test('An AppError keeps code, message and detail over the wire', () => {
  const message = decodeCoordinatorMessage(
    encodeError(3, new AppError('not_enough_copies', 'wait', { detail: { digests: [digest], retryAfterSeconds: 5 } })),
  );

  assert.ok(message?.type === 'error');
  const error = errorFromWire(message.error);
  assert.ok(error instanceof AppError);
  assert.equal(error.code, 'not_enough_copies');
  assert.deepEqual(error.detail, { digests: [digest], retryAfterSeconds: 5 });
});

test('A bug of the coordinator travels without its text', () => {
  const message = decodeCoordinatorMessage(encodeError(3, new Error('secret path')));

  assert.ok(message?.type === 'error');
  assert.equal(message.error.code, 'internal');
  assert.doesNotMatch(errorFromWire(message.error).message, /secret/);
});

test('An event arrives as it was sent', () => {
  const event = {
    type: 'swarm.neighbours' as const,
    digest,
    added: [{ nodeId: 'n', address: 'h:1', isOrigin: true }],
    removed: ['m'],
  };

  assert.deepEqual(decodeCoordinatorMessage(encodeEvent(event)), { type: 'event', event });
});

test('A result of the wrong shape is not a result', () => {
  assert.equal(parseResult('manifest.put', { subject: 5 }), undefined);
  assert.equal(parseResult('tags.list', { tags: ['a'] }), undefined);
});

test('Decoding never throws and accepts only requests that fit their method', () => {
  const anyMessage = fc.record(
    {
      type: fc.constantFrom('request', 'response', 'event', 'x'),
      id: fc.oneof(fc.nat(), fc.double(), fc.string()),
      method: fc.constantFrom<unknown>(...Object.keys(METHODS), '__proto__', 'constructor', 5),
      params: fc.anything({ withNullPrototype: false, withBigInt: false }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(anyMessage, (message) => {
      const request = decodeRequest(packr.pack(message));
      if (request === undefined) return;
      assert.ok(Object.hasOwn(METHODS, request.method));
      assert.ok(Number.isSafeInteger(request.id));
    }),
    { numRuns: 2000 },
  );
});

test('A request whose number is not exact is none', () => {
  assert.equal(decodeRequest(encodeRequest(Number.MAX_SAFE_INTEGER, 'swarm.behind', {}))?.id, Number.MAX_SAFE_INTEGER);
  assert.equal(decodeRequest(encodeRequest(2 ** 53, 'swarm.behind', {})), undefined);
});

test('Random and damaged bytes are refused without an exception', () => {
  const good = encodeRequest(1, 'holdings.announce', { added: [{ digest, sizeBytes: 5 }], removed: [digest] });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(255), (noise, position, byte) => {
      decodeRequest(noise);
      decodeCoordinatorMessage(noise);
      const damaged = Uint8Array.from(good);
      damaged[position % damaged.length] = byte;
      decodeRequest(damaged);
      decodeRequest(good.subarray(0, position % good.length));
    }),
    { numRuns: 3000 },
  );
});

test('What the encoder writes is plain MessagePack, whatever JSON-like value it is given', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.uint8Array(), (value, bytes) => {
      assert.ok(isPlainMessagePack(packr.pack({ value, bytes })));
    }),
  );
});

test('A header that claims more entries than there are bytes is refused before it is decoded', () => {
  const arrayBomb = Uint8Array.from([0xdd, 0xff, 0xff, 0xff, 0xff]);
  const mapBomb = Uint8Array.from([0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa1, 0x61, 0xc0]);
  const depthBomb = new Uint8Array(100_000).fill(0x91);

  for (const bomb of [arrayBomb, mapBomb, depthBomb]) {
    assert.equal(isPlainMessagePack(bomb), false);
    assert.equal(decodeRequest(bomb), undefined);
  }
});

test('A map whose keys are not strings, and extension types, are refused', () => {
  assert.equal(isPlainMessagePack(Uint8Array.from([0x81, 0x01, 0x02])), false);
  assert.equal(isPlainMessagePack(packr.pack(new Date())), false);
  assert.equal(isPlainMessagePack(packr.pack(new Map([[1, 2]]))), false);
});

test('A host tells the hashes of a thousand pieces in one message, and no more', () => {
  const offer = { digest, fetchId: 'f', repository: 'a/b', sizeBytes: 2 ** 40, firstPiece: 0 };
  const encoded = (pieces: number): Uint8Array =>
    encodeRequest(1, 'cache.offer', { ...offer, hashes: new Uint8Array(pieces * 32) });

  assert.equal(decodeRequest(encoded(1024))?.method, 'cache.offer');
  assert.equal(decodeRequest(encoded(1025)), undefined);
});
