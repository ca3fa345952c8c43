import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { joinSignals } from '../../../shared/runtime/joined-signal.ts';

test('A joined signal aborts with the first of its signals, whenever that was', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  using joined = joinSignals([first.signal, second.signal]);
  assert.equal(joined.signal.aborted, false);

  second.abort('second');
  first.abort('first');
  using late = joinSignals([first.signal, second.signal]);

  assert.equal(joined.signal.reason, 'second');
  assert.equal(late.signal.reason, 'first');
});

test('A signal that many wait on at once is no leak, and Node warns of none', async () => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', onWarning);
  const stopping = new AbortController();

  const joined = Array.from({ length: 20 }, () => joinSignals([stopping.signal]));
  const sleeping = joined.map(({ signal }) => systemClock.sleep(60_000, signal).catch(() => undefined));
  const waiting = Array.from({ length: 20 }, () => systemClock.sleep(60_000, stopping.signal).catch(() => undefined));
  stopping.abort();
  await Promise.all([...sleeping, ...waiting]);
  await new Promise(setImmediate); // warnings are told in a later turn

  process.off('warning', onWarning);
  for (const each of joined) each[Symbol.dispose]();
  assert.deepEqual(warnings, []);
});

test('A long-lived signal keeps nothing of those that were joined with it and let go', () => {
  const long = new AbortController();

  for (let dial = 0; dial < 1000; dial += 1) {
    using joined = joinSignals([long.signal, new AbortController().signal]);
    joined.signal.addEventListener('abort', () => undefined);
  }

  assert.equal(getEventListeners(long.signal, 'abort').length, 0);
});
