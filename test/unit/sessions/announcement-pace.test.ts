import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcementSpreadMs } from '../../../coordinator/sessions/announcement-pace.ts';

test('Origins are never asked to wait, since pushes wait for them', () => {
  assert.equal(announcementSpreadMs({ isOrigin: true }, 10_000), 0);
});

test('The more nodes are connected, the longer each may wait, up to half a minute', () => {
  const node = { isOrigin: false };

  assert.equal(announcementSpreadMs(node, 1), 2);
  assert.equal(announcementSpreadMs(node, 10_000), 20_000);
  assert.equal(announcementSpreadMs(node, 1_000_000), 30_000);
});
