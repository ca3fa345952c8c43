// What a host does about a blob of an upstream, as the coordinator says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitForTurn, type FleetTurn } from '../../../node/upstream/fleet-turns.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';

const BLOB = { digest: digestOf(Buffer.from('of an upstream')), repository: 'library/app' };

function start(states: ReadonlyArray<'held' | 'turn' | 'wait'>): {
  readonly clock: FakeClock;
  readonly link: FakeLink;
  readonly turns: FleetTurn[];
} {
  const clock = new FakeClock();
  let asked = 0;
  const link = new FakeLink({
    'cache.lease': () => {
      asked += 1;
      return { state: states[asked - 1] ?? 'wait' };
    },
  });
  const turns: FleetTurn[] = [];
  void waitForTurn({ clock, link }, BLOB, new AbortController().signal).then((turn) => turns.push(turn));
  return { clock, link, turns };
}

test('A host that waits asks four times a second, until it is its turn', async () => {
  const { clock, link, turns } = start(['wait', 'wait', 'turn']);
  await clock.advance(250);
  assert.deepEqual(turns, []);
  await clock.advance(250);
  assert.deepEqual(turns, [{ type: 'fetch', fetch: undefined }]);
  assert.equal(link.calls.length, 3);
});

test('A host does not wait for ever for one that says it fetches and of whose fetch nothing is told: it goes alone', async () => {
  const { clock, turns } = start([]);
  await clock.advance(59_000);
  assert.deepEqual(turns, []);
  await clock.advance(2000);
  assert.deepEqual(turns, [{ type: 'alone' }]);
});
