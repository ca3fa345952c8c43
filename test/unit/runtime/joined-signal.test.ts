import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
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

test('A long-lived signal keeps nothing of those that were joined with it and let go', () => {
  const long = new AbortController();

  for (let dial = 0; dial < 1000; dial += 1) {
    using joined = joinSignals([long.signal, new AbortController().signal]);
    joined.signal.addEventListener('abort', () => undefined);
  }

  assert.equal(getEventListeners(long.signal, 'abort').length, 0);
});
