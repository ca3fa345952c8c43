import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { FleetDatabase } from '../../../coordinator/database/fleet-database.ts';
import { Courier } from '../../../coordinator/notifications/courier.ts';
import { openEndpoints } from '../../../coordinator/notifications/endpoint.ts';
import { NotificationMetrics } from '../../../coordinator/notifications/notification-metrics.ts';
import type { Outcome } from '../../../coordinator/notifications/post-event.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const HOUR_MS = 3_600_000;
const ok: Outcome = { type: 'delivered', status: 200 };
const no: Outcome = { type: 'failed', problem: 'nothing listens there' };

/** A courier whose receiver answers as `answer` says; `posted` are the events that it was given, in order. */
async function openCourier(answer: (eventId: string) => Outcome, options: { readonly threshold?: number } = {}) {
  const folder = await openTemporaryFolder('courier');
  const clock = new FakeClock();
  const metrics = new Metrics();
  const database = FleetDatabase.open(join(folder.path, 'c.db'), { metrics });
  const posted: string[] = [];
  const wanted = { name: 'ci', url: 'http://ci.example', threshold: options.threshold ?? 3 };
  const [endpoint] = openEndpoints([wanted], { secret: undefined });
  if (endpoint === undefined) throw new Error('one endpoint is configured');
  const poster = {
    post: async ({ eventId }: { readonly eventId: string }): Promise<Outcome> => {
      posted.push(eventId);
      return answer(eventId);
    },
  };
  const own = new NotificationMetrics({ metrics });
  const courier = new Courier(
    { clock, database, log, metrics: own, poster, onEnded: () => undefined },
    { endpoint, retryForMs: HOUR_MS },
  );
  return {
    clock,
    database,
    metrics,
    posted,
    courier,
    add: (...eventIds: string[]) => {
      for (const eventId of eventIds) {
        const event = { endpoint: 'ci', eventId, atMs: clock.wallMs(), action: 'push', subject: 'app', body: '{}' };
        database.change('notify', () => database.notifications.add(event, clock.wallMs()));
      }
      courier.wake();
    },
    states: (): string[] =>
      database.notifications.find({ limit: 100 }).map(({ eventId, state }) => `${eventId} ${state}`),
    async [Symbol.asyncDispose]() {
      await courier[Symbol.asyncDispose]();
      database[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('Events go out in order, and one that the receiver does not take holds up none of the others', async () => {
  await using opened = await openCourier((eventId) => (eventId === 'bad' ? no : ok));
  opened.add('a', 'bad', 'b', 'c');

  opened.courier.start();
  await opened.clock.advance(0);
  assert.deepEqual(opened.posted, ['a', 'bad', 'b', 'c']);
  await opened.clock.advance(3000);

  assert.deepEqual(opened.posted.slice(4), ['bad', 'bad']);
  assert.deepEqual(opened.states(), ['c delivered', 'b delivered', 'bad waiting', 'a delivered']);
});

test('A receiver that is away is tried less and less, and gets everything at once when it is back', async () => {
  let isAway = true;
  await using opened = await openCourier(() => (isAway ? no : ok));
  const ids = Array.from({ length: 50 }, (_, index) => `e${index}`);
  opened.add(...ids);

  opened.courier.start();
  await opened.clock.advance(10 * 60_000);
  assert.ok(opened.posted.length < 30, `${opened.posted.length} attempts in ten minutes`);
  isAway = false;
  const before = opened.posted.length;
  await opened.clock.advance(60_000);

  assert.deepEqual(new Set(opened.posted.slice(before)), new Set(ids));
  assert.equal(opened.posted.length - before, ids.length);
});

test('An event that cannot be delivered is given up after the time that is set, and counted', async () => {
  await using opened = await openCourier((eventId) => (eventId === 'bad' ? no : ok));
  opened.add('bad');

  opened.courier.start();
  await opened.clock.advance(HOUR_MS + 60_000);

  assert.deepEqual(opened.states(), ['bad failed']);
  const { body } = await opened.metrics.text();
  assert.match(body, /^shoal_notifications_lost_total\{endpoint="ci",reason="given_up"\} 1$/m);
  assert.ok(opened.posted.length < 100);
});

test('What is added while it sleeps goes out at once', async () => {
  await using opened = await openCourier(() => ok);
  opened.courier.start();
  await opened.clock.advance(5);

  opened.add('a');
  await opened.clock.advance(0);

  assert.deepEqual(opened.states(), ['a delivered']);
});

test('A failure of the database does not end it', async () => {
  await using opened = await openCourier(() => ok);
  const { notifications } = opened.database;
  const next = notifications.next.bind(notifications);
  let failures = 1;
  notifications.next = (endpoint, nowMs) => {
    if (failures-- > 0) throw new Error('the disk is full');
    return next(endpoint, nowMs);
  };
  opened.add('a');

  opened.courier.start();
  await opened.clock.advance(5000);

  assert.deepEqual(opened.states(), ['a delivered']);
});
