import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedNodes } from '../../../coordinator/sessions/refused-nodes.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const removed = new AppError('identity_refused', 'it was removed');
const another = new AppError('protocol_mismatch', 'it speaks another protocol');

function world() {
  const told: unknown[] = [];
  const log = { ...silentLogger, warn: (fields: unknown) => void told.push(fields) } as typeof silentLogger;
  const clock = new FakeClock();
  return { told, clock, nodes: new RefusedNodes({ clock, log }) };
}

test('A node that asks again and again is logged once for each reason', () => {
  const { told, nodes } = world();

  for (const why of [removed, removed, another, another, another]) nodes.note('web', why);

  assert.deepEqual(told, [
    { node: 'web', code: 'identity_refused', reason: 'it was removed' },
    { node: 'web', code: 'protocol_mismatch', reason: 'it speaks another protocol' },
  ]);
});

test('Why it was refused is told while it asks, and not when it got in or went away', async () => {
  const { clock, nodes } = world();
  nodes.note('web', removed);
  nodes.note('db', removed);
  assert.equal(nodes.why('web'), 'it was removed');

  nodes.admitted('web');
  assert.equal(nodes.why('web'), undefined);
  await clock.advance(59_000);
  assert.equal(nodes.why('db'), 'it was removed');
  await clock.advance(1_000);
  assert.equal(nodes.why('db'), undefined);
});

test('Of more refused nodes than are kept in mind the first are forgotten', () => {
  const { nodes } = world();

  for (let count = 0; count <= 10_000; count += 1) nodes.note(`web-${count}`, removed);

  assert.equal(nodes.why('web-0'), undefined);
  assert.equal(nodes.why('web-1'), 'it was removed');
  assert.equal(nodes.why('web-10000'), 'it was removed');
});
