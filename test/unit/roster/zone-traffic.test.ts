import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZoneTraffics } from '../../../coordinator/roster/zone-traffic.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const HOUR_MS = 60 * 60 * 1000;
const layer = { digest: digestOf(Buffer.from('layer')), sizeBytes: 1000 };
const config = { digest: digestOf(Buffer.from('config')), sizeBytes: 10 };

test('Bytes of all hosts of a zone are held against one copy of each blob', () => {
  const traffics = new ZoneTraffics();

  for (const bytes of [600, 400, 0, 50]) traffics.received(layer, { zone: 'far', bytes, nowMs: 0 });
  traffics.received(config, { zone: 'far', bytes: 10, nowMs: 1 });
  traffics.received(layer, { zone: undefined, bytes: 1000, nowMs: 2 });

  assert.deepEqual(traffics.list(), [
    { zone: 'far', receivedBytes: 1060, floorBytes: 1010 },
    { receivedBytes: 1000, floorBytes: 1000 },
  ]);
});

test('A blob that comes again long after is another copy, and one that comes a while after is not', () => {
  const traffics = new ZoneTraffics();
  for (const nowMs of [0, HOUR_MS, 2 * HOUR_MS]) traffics.received(layer, { zone: 'far', bytes: 1000, nowMs });
  assert.equal(traffics.list()[0]?.floorBytes, 1000);

  traffics.received(layer, { zone: 'far', bytes: 1000, nowMs: 3 * HOUR_MS + 1 });

  assert.equal(traffics.list()[0]?.floorBytes, 2000);
});

test('However many zones there are, so many are counted apart and no byte is lost', () => {
  const traffics = new ZoneTraffics();

  for (let index = 0; index < 3000; index += 1) traffics.received(layer, { zone: `z${index}`, bytes: 1, nowMs: 0 });

  const zones = traffics.list();
  assert.equal(zones.length, 1000);
  assert.equal(
    zones.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    3000,
  );
});
