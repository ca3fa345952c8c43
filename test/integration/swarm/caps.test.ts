import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { SwarmFleet } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
/** What a bucket of these rates lets pass at once. */
const BURST_BYTES = 4 * MIB;

for (const side of ['uploadRate', 'downloadRate'] as const) {
  test(`A node with a cap as ${side} moves no more than it allows, and what it moves is right`, async () => {
    await using fleet = await SwarmFleet.open();
    const rate = 8 * MIB;
    const holder = await fleet.start('holder', side === 'uploadRate' ? { uploadRate: rate } : {});
    const puller = await fleet.start('puller', side === 'downloadRate' ? { downloadRate: rate } : {});
    const blobs = ['a', 'b', 'c'].map((seed) => publish(fleet, holder, { seed, sizeBytes: 3 * MIB }));
    const startMs = performance.now();

    const got = await Promise.all(blobs.map(async (blob) => readAll(await puller.swarm.open(blob, signal), signal)));

    const allowed = BURST_BYTES + ((performance.now() - startMs) / 1000) * rate;
    assert.ok(got.every((bytes, at) => bytes.equals(blobs[at]?.bytes ?? Buffer.alloc(0))));
    assert.ok(9 * MIB <= allowed, `9 MiB passed where ${allowed / MIB} may`);
  });
}

test('A cap towards other zones holds back nobody of the own zone', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder', { zone: 'near', otherZonesRate: 128 * 1024 });
  const far = await fleet.start('far', { zone: 'far' });
  const near = await fleet.start('near', { zone: 'near' });
  const blob = publish(fleet, holder, { seed: 'zones', sizeBytes: 24 * MIB });
  const other = publish(fleet, holder, { seed: 'other', sizeBytes: 24 * MIB });
  const farReader = await far.swarm.open(other, signal);
  await eventually({ what: 'the cap to hold something back' }, async () =>
    /shoal_swarm_capped [1-9]/.test((await holder.metrics.text()).body),
  );

  const got = await readAll(await near.swarm.open(blob, signal), signal);

  assert.ok(got.equals(blob.bytes));
  assert.equal(far.store.bytesOf(other.digest), undefined, 'at the cap it takes more than two minutes');
  await farReader[Symbol.asyncDispose]();
});

test('A tight cap that is lifted while a blob moves holds it back no longer', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder', { uploadRate: 128 * 1024 });
  const puller = await fleet.start('puller', { downloadRate: 128 * 1024 });
  const blob = publish(fleet, holder, { seed: 'lifted', sizeBytes: 40 * MIB });
  const reader = await puller.swarm.open(blob, signal);
  await reader.read(Buffer.alloc(1000), 0, signal);

  holder.swarm.tune({});
  puller.swarm.tune({});

  assert.ok((await readAll(reader, signal)).equals(blob.bytes)); // at the caps it would take five minutes
});

test('A blob that a client waits for passes by an order that began before', async () => {
  await using fleet = await SwarmFleet.open();
  const holder = await fleet.start('holder', {});
  const puller = await fleet.start('puller', { downloadRate: 16 * MIB });
  const ordered = publish(fleet, holder, { seed: 'ordered', sizeBytes: 24 * MIB });
  const wanted = publish(fleet, holder, { seed: 'wanted', sizeBytes: 8 * MIB });
  let isOrderDone = false;
  const order = puller.swarm.replicate(ordered, signal).then(() => {
    isOrderDone = true;
  });

  const got = await readAll(await puller.swarm.open(wanted, signal), signal);
  const wasOrderDone = isOrderDone;
  await order;

  assert.ok(got.equals(wanted.bytes));
  assert.equal(wasOrderDone, false);
});
