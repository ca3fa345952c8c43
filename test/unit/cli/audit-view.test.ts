import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderAudit } from '../../../node/cli/audit-view.ts';
import { parsePointInTime } from '../../../node/cli/point-in-time.ts';
import type { AuditEntry } from '../../../shared/protocol/audit-api.ts';
import { ADMINISTRATOR } from '../../../shared/protocol/requester.ts';
import { AppError } from '../../../shared/runtime/errors.ts';

const entry: AuditEntry = {
  id: 7,
  atMs: Date.parse('2026-03-01T08:09:10.500Z'),
  action: 'push',
  kind: 'manifest',
  repository: 'team/app',
  digest: `sha256:${'ab'.repeat(32)}`,
  tag: 'v1',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  user: 'alice',
  address: '10.0.0.7',
  userAgent: 'docker/28.0.0 go/1.24 more',
  requestId: 'r',
  nodeId: 'edge-1',
};

test('An entry is a line with time, user, action, target, address, node and client', () => {
  const lines = renderAudit([entry, { ...entry, user: '', action: 'mount', kind: 'blob', fromRepository: 'base' }]);

  assert.equal(
    lines,
    [
      'TIME                  USER   ACTION         WHAT                                     FROM      THROUGH  CLIENT       ',
      '2026-03-01 08:09:10Z  alice  push manifest  team/app:v1@sha256:abababababab          10.0.0.7  edge-1   docker/28.0.0',
      '2026-03-01 08:09:10Z  -      mount blob     team/app:v1@sha256:abababababab of base  10.0.0.7  edge-1   docker/28.0.0',
      '',
    ].join('\n'),
  );
});

test('A command is told with the account that typed it, a right with its actions and its pattern', () => {
  const { digest: _digest, tag: _tag, mediaType: _mediaType, ...bare } = entry;
  const by = { user: ADMINISTRATOR, userAgent: 'shoal/1.0.0 (root)', nodeId: '' };
  const lines = renderAudit([
    { ...bare, ...by, action: 'add', kind: 'robot', account: 'ci', repository: '' },
    { ...bare, ...by, action: 'grant', kind: 'right', account: 'ci', repository: 'team/**', rights: 'pull,push' },
  ]);

  assert.equal(
    lines,
    [
      'TIME                  USER             ACTION       WHAT                  FROM      THROUGH      CLIENT            ',
      '2026-03-01 08:09:10Z  (administrator)  add robot    ci                    10.0.0.7  coordinator  shoal/1.0.0 (root)',
      '2026-03-01 08:09:10Z  (administrator)  grant right  ci pull,push team/**  10.0.0.7  coordinator  shoal/1.0.0 (root)',
      '',
    ].join('\n'),
  );
});

test('What clients say of themselves cannot command the terminal', () => {
  const text = renderAudit([{ ...entry, userAgent: '\u001B[2Jx', user: 'a\nb' }]);

  assert.ok(!text.includes('\u001B'));
  assert.equal(text.split('\n').length, 3);
});

test('A moment is counted back from now, or a date', () => {
  const now = Date.parse('2026-03-10T00:00:00Z');

  assert.equal(parsePointInTime('90s', now, '--since'), now - 90_000);
  assert.equal(parsePointInTime('7d', now, '--since'), Date.parse('2026-03-03T00:00:00Z'));
  assert.equal(parsePointInTime('2026-03-01T08:00Z', now, '--since'), Date.parse('2026-03-01T08:00:00Z'));
  assert.equal(parsePointInTime('2026-03-01 08:00', now, '--since'), new Date(2026, 2, 1, 8).getTime());
  assert.equal(parsePointInTime('2026-03-01', now, '--since'), new Date(2026, 2, 1).getTime());
  for (const text of ['', 'yesterday', '7', '7w', '-1d', '2026', '2026-13-01', '2026-03-01T25:00']) {
    assert.throws(() => parsePointInTime(text, now, '--since'), { code: 'config_invalid', message: /^--since: / });
  }
});

test('Whatever is typed for a moment is one or a clear error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9T: .+Zsmhd-]{0,30}$/)), (text) => {
      try {
        const atMs = parsePointInTime(text, 1e12, '--until');
        assert.ok(Number.isFinite(atMs) && atMs >= 0);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'config_invalid');
      }
    }),
  );
});
