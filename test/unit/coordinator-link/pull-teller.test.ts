import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PullEvent } from '../../../node/content/pull-events.ts';
import { PullTeller } from '../../../node/coordinator-link/pull-teller.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { MAX_PULLS_TOLD, type ToldPull } from '../../../shared/protocol/told-pull.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { someRequester } from '../../support/some-requester.ts';

type Told = readonly ToldPull[];

function pullOf(repository: string): PullEvent {
  const digest = digestOf(Buffer.from(repository));
  return { kind: 'blob', repository, digest, mediaType: 'application/octet-stream', sizeBytes: 1, by: someRequester() };
}

/** A teller whose coordinator answers as `answer` says; `told` are the batches that came. */
async function openTeller(answer: (pulls: Told) => boolean) {
  const told: Told[] = [];
  const clock = new FakeClock();
  const metrics = new Metrics();
  const link = new FakeLink({
    'pulls.tell': ({ pulls }) => {
      const areWanted = answer(pulls);
      told.push(pulls);
      return { areWanted };
    },
  });
  const teller = new PullTeller({ link, clock, log, metrics });
  link.connect();
  await clock.advance(0);
  return { told, clock, link, metrics, teller };
}

const names = (batches: readonly Told[]): string[][] =>
  batches.map((batch) => batch.map(({ repository }) => repository));

test('At the start of a session it asks whether pulls are wanted, and keeps none when they are not', async () => {
  const { told, clock, teller } = await openTeller(() => false);

  teller.add(pullOf('a'));
  await clock.advance(60_000);

  assert.deepEqual(names(told), [[]]);
  assert.equal(teller.areWanted, false);
  await teller[Symbol.asyncDispose]();
  assert.equal(clock.pendingCount, 0);
});

test('Pulls are gathered, and told in batches of bounded size', async () => {
  const { told, clock, teller } = await openTeller(() => true);
  for (let index = 0; index <= MAX_PULLS_TOLD; index += 1) teller.add(pullOf(`r${index}`));
  assert.equal(told.length, 1);

  await clock.advance(500);

  assert.deepEqual(
    told.map((batch) => batch.length),
    [0, MAX_PULLS_TOLD, 1],
  );
  await teller[Symbol.asyncDispose]();
});

test('What happens while the coordinator is away is told when it returns, the newest thousand of it', async () => {
  const { told, clock, link, metrics, teller } = await openTeller(() => true);
  link.disconnect();
  for (let index = 0; index < 1003; index += 1) teller.add(pullOf(`r${index}`));
  await clock.advance(60_000);
  assert.equal(told.length, 1);

  link.connect();
  await clock.advance(2000);

  const all = names(told).flat();
  assert.deepEqual([all.length, all[0], all.at(-1)], [1000, 'r3', 'r1002']);
  assert.match((await metrics.text()).body, /^shoal_link_pulls_dropped_total 3$/m);
  await teller[Symbol.asyncDispose]();
});

test('A batch whose answer was lost is told again under the same ids, after a pause', async () => {
  let failures = 1;
  const lost: Told[] = [];
  const { told, clock, teller } = await openTeller((pulls) => {
    if (pulls.length > 0 && failures-- > 0) {
      lost.push(pulls);
      throw new AppError('timed_out', 'no answer');
    }
    return true;
  });
  teller.add(pullOf('a'));
  await clock.advance(250);
  teller.add(pullOf('b'));
  await clock.advance(1000);
  assert.equal(told.length, 1);

  await clock.advance(5000);

  assert.deepEqual(names(told), [[], ['a', 'b']]);
  assert.equal(told[1]?.[0]?.id, lost[0]?.[0]?.id);
  await teller[Symbol.asyncDispose]();
});

test('A node that stops tells the rest, and does not wait for a coordinator that is silent', async () => {
  const heard: Told[] = [];
  const { clock, link, teller } = await openTeller((pulls) => {
    heard.push(pulls);
    return true;
  });
  teller.add(pullOf('a'));

  await teller[Symbol.asyncDispose]();

  assert.deepEqual(names(heard), [[], ['a']]);
  assert.equal(clock.pendingCount, 0);
  assert.equal(link.calls.length, 2);
});
