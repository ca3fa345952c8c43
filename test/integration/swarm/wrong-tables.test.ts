import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publish, readAll } from '../../support/pull-blob.ts';
import { SwarmFleet } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

for (const [what, liarHolds] of [
  ['nobody has the pieces of', false],
  ['all pieces of a liar fit', true],
] as const) {
  test(`A wrong piece table at the coordinator that ${what} costs honest holders nothing, and the blob comes`, async () => {
    await using fleet = await SwarmFleet.open();
    const honest = await Promise.all(['a', 'b', 'c'].map((nodeId) => fleet.start(nodeId)));
    const liar = await fleet.start('liar');
    const puller = await fleet.start('puller');
    const [blob, other] = honest.map((node) => publish(fleet, node, { seed: 'right', sizeBytes: 4 * MIB }));
    assert.ok(blob !== undefined && other !== undefined);
    const wrong = publish(fleet, liar, { seed: 'wrong', sizeBytes: 4 * MIB });
    fleet.know(blob.digest, wrong.table);
    if (liarHolds) {
      liar.store.corrupt(blob.digest, wrong.bytes, wrong.table);
      fleet.hold(blob.digest, fleet.peerOf(liar));
    }

    const got = await puller.swarm.open(blob, signal).then(async (reader) => {
      await puller.swarm.replicate(blob, signal);
      await reader[Symbol.asyncDispose]();
      return readAll(await puller.swarm.open(blob, signal), signal);
    });
    const next = publish(fleet, honest[0] ?? liar, { seed: 'next', sizeBytes: 2 * MIB });
    for (const node of honest.slice(1)) publish(fleet, node, { seed: 'next', sizeBytes: 2 * MIB });
    const after = await readAll(await puller.swarm.open(next, signal), signal);

    assert.ok(got.equals(blob.bytes));
    assert.ok(after.equals(next.bytes));
    assert.match((await puller.metrics.text()).body, /shoal_swarm_peers [3-5]/);
  });
}

test('A range is not answered by a wrong table that holders of the blob contradict', async () => {
  await using fleet = await SwarmFleet.open();
  const honest = await Promise.all(['a', 'b', 'c'].map((nodeId) => fleet.start(nodeId)));
  const liar = await fleet.start('liar');
  const puller = await fleet.start('puller', { backgroundFill: false });
  const [blob] = honest.map((node) => publish(fleet, node, { seed: 'right', sizeBytes: 4 * MIB }));
  assert.ok(blob !== undefined);
  fleet.know(blob.digest, publish(fleet, liar, { seed: 'wrong', sizeBytes: 4 * MIB }).table);
  const ranges = [{ first: MIB, last: 2 * MIB }];

  await using reader = await puller.swarm.open({ ...blob, ranges }, signal);
  const part = Buffer.alloc(1000);
  const count = await reader.read(part, MIB, signal);

  assert.ok(part.subarray(0, count).equals(blob.bytes.subarray(MIB, MIB + count)));
});
