// Imported before each test file: a test that takes too long ends its file, and is named. The runner's own limit
// holds for a whole file and cannot say which test hung.

import { afterEach, beforeEach } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { say } from './setup.mjs';

/** Milliseconds for one test with its subtests. */
const limitMs = Number(process.env.SHOAL_TEST_LIMIT_MS);
const running = new Map();

// The runner and the threads of what is tested import this too.
if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined) {
  beforeEach(({ fullName }) => begin(fullName));
  afterEach(({ fullName }) => finish(fullName));
}

function begin(fullName) {
  const timer = setTimeout(() => {
    say(`"${fullName}" still runs after ${limitMs / 1000} s; this ends its file`);
    process.exit(1); // what it started is found and ended by scripts/test.mjs
  }, limitMs);
  running.set(fullName, timer);
}

function finish(fullName) {
  clearTimeout(running.get(fullName));
  running.delete(fullName);
}
