import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../../../shared/oci/digest.ts';
import { PeerFrameDecoder } from '../../../shared/protocol/peer-frame-decoder.ts';
import {
  DATA_HEADER_BYTES,
  GOODBYES,
  MAX_DATA_BYTES,
  REFUSALS,
  encodeDataHeader,
  encodeFrame,
  type PeerFrame,
} from '../../../shared/protocol/peer-frames.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const name = fc.string({ unit: fc.constantFrom(...'abc0123-'), maxLength: 64 });
const digest = fc.uint8Array({ maxLength: 8 }).map((bytes) => digestOf(bytes));
const refusal = fc.constantFrom(...REFUSALS);
const run = fc.record({ first: fc.nat(1_000_000), count: fc.integer({ min: 1, max: 1_000_000 }) });

const anyFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  fc.record({
    type: fc.constantFrom('hello', 'hello-ack'),
    protocol: fc.nat(65_535),
    nodeId: name,
    fleetId: name,
    address: name,
  }),
  fc.record({
    type: fc.constantFrom('hello', 'hello-ack'),
    protocol: fc.nat(65_535),
    nodeId: name,
    fleetId: name,
    address: name,
    zone: name,
  }),
  fc.record({
    type: fc.constant('open-channel'),
    channel: u32,
    digest,
    sizeBytes: fc.nat(2 ** 43),
    pieceBytes: u32,
  }),
  fc.record({ type: fc.constant('refuse-channel'), channel: u32, reason: refusal }),
  fc.record({ type: fc.constantFrom('close-channel', 'any-piece'), channel: u32 }),
  fc.record({ type: fc.constant('bitfield'), channel: u32 }),
  fc.record({ type: fc.constant('bitfield'), channel: u32, bits: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  fc.record({ type: fc.constant('offer'), channel: u32, credits: fc.nat(65_535), isPassOver: fc.boolean() }),
  fc.record({ type: fc.constant('have'), channel: u32, runs: fc.array(run, { maxLength: 20 }) }),
  fc.record({ type: fc.constantFrom('request', 'cancel'), channel: u32, pieceIndex: u32 }),
  fc.record({ type: fc.constant('reject'), channel: u32, pieceIndex: u32, reason: refusal }),
  fc.record({ type: fc.constant('credit'), bytes: u32 }),
  fc.record({ type: fc.constant('small-request'), request: u32, digest, sizeBytes: u32 }),
  fc.record({ type: fc.constant('small-data'), request: u32, bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constantFrom('small-reject', 'arriving-reject'), request: u32, reason: refusal }),
  fc.record({ type: fc.constant('arriving-request'), request: u32, digest, leafIndex: u32 }),
  fc.record({ type: fc.constant('arriving-data'), request: u32, bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    type: fc.constant('table-request'),
    request: u32,
    digest,
    sizeBytes: fc.nat(2 ** 43),
    firstPiece: u32,
  }),
  fc.record({ type: fc.constant('table-part'), request: u32, hashes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('table-reject'), request: u32, reason: refusal }),
  fc.record({ type: fc.constantFrom('ping', 'pong'), nonce: u32 }),
  fc.record({ type: fc.constant('goodbye'), reason: fc.constantFrom(...GOODBYES) }),
) as fc.Arbitrary<PeerFrame>;

interface Payload {
  readonly type: 'data';
  readonly channel: number;
  readonly pieceIndex: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}
const anyPayload: fc.Arbitrary<Payload> = fc.record({
  type: fc.constant('data'),
  channel: u32,
  pieceIndex: u32,
  offset: fc.nat(4 * 1024 * 1024),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
});

function encode(item: PeerFrame | Payload): Buffer {
  if (item.type !== 'data') return encodeFrame(item);
  return Buffer.concat([encodeDataHeader(item, item.bytes.byteLength), item.bytes]);
}

/** fast-check makes records without a prototype, which strict comparison minds. */
function plain(item: PeerFrame | Payload): PeerFrame | Payload {
  return item.type === 'have' ? { ...item, runs: item.runs.map((each) => ({ ...each })) } : { ...item };
}

/** Feeds `bytes` in pieces of the given sizes; slices of one data frame are joined again. */
function decode(bytes: Buffer, cuts: readonly number[]): { items: Array<PeerFrame | Payload>; maxHeld: number } {
  const items: Array<PeerFrame | Payload> = [];
  let open: { payload: Payload; next: number } | undefined;
  const decoder = new PeerFrameDecoder({
    frame: (frame) => {
      items.push(frame);
      open = undefined;
    },
    data: (place, slice) => {
      const copy = Uint8Array.from(slice);
      const isNext = open !== undefined && open.next === place.offset && open.payload.pieceIndex === place.pieceIndex;
      if (open !== undefined && isNext) {
        const joined = { ...open.payload, bytes: Uint8Array.from([...open.payload.bytes, ...copy]) };
        items[items.length - 1] = joined;
        open = { payload: joined, next: place.offset + copy.length };
        return;
      }
      const payload: Payload = { type: 'data', ...place, bytes: copy };
      items.push(payload);
      open = { payload, next: place.offset + copy.length };
    },
  });
  let maxHeld = 0;
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = cuts[turn % cuts.length] ?? 1;
    decoder.push(bytes.subarray(at, at + size));
    maxHeld = Math.max(maxHeld, decoder.heldBytes);
    at += size;
  }
  return { items, maxHeld };
}

test('Frames come out as they went in, however the stream is cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(fc.oneof(anyFrame, anyPayload), { maxLength: 12 }), cuts, (frames, sizes) => {
      // A control frame between two payloads keeps joined slices apart.
      const spaced = frames.flatMap((frame) => [plain(frame), { type: 'ping', nonce: 7 } as const]);

      const { items } = decode(Buffer.concat(spaced.map(encode)), sizes);

      assert.deepEqual(items, spaced);
    }),
  );
});

test('Hostile bytes end in message_invalid and never make the decoder hold more than one frame', () => {
  const limit = 256 * 1024 + 64;
  const soup = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.array(anyFrame, { maxLength: 4 }), fc.nat(500), fc.nat(255)).map(([frames, at, value]) => {
      const bytes = Buffer.concat(frames.map(encode));
      if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(soup, fc.integer({ min: 1, max: 50 }), (bytes, cut) => {
      try {
        const { maxHeld } = decode(Buffer.from(bytes), [cut]);
        assert.ok(maxHeld <= limit);
      } catch (error) {
        assert.ok(isAppError(error, 'message_invalid'), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('A frame that claims too much is refused at its header', () => {
  const header = encodeDataHeader({ channel: 1, pieceIndex: 0, offset: 0 }, MAX_DATA_BYTES + 1);
  const decoder = new PeerFrameDecoder({ frame: () => undefined, data: () => undefined });

  assert.equal(header.length, DATA_HEADER_BYTES);
  assert.throws(() => decoder.push(header.subarray(0, 5)), { code: 'message_invalid' });
});

test('A header that claims more than any frame may have is refused before anything of its body comes', () => {
  for (const claimedBytes of [1024 * 1024 + 1, 16 * 1024 * 1024, 0xffff_ffff]) {
    for (let code = 0; code < 256; code += 1) {
      const decoder = new PeerFrameDecoder({
        frame: () => assert.fail('no frame came'),
        data: () => assert.fail('no data came'),
      });
      const header = Buffer.alloc(5);
      header.writeUInt32BE(claimedBytes);
      header[4] = code;

      assert.throws(() => decoder.push(header), { code: 'message_invalid' });
    }
  }
});
