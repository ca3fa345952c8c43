import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStatus } from '../../../node/cli/status-view.ts';
import { watchStatus } from '../../../node/cli/status-watch.ts';
import { showBytes, showDuration } from '../../../node/cli/human-units.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { FleetStatus, NodeStatus } from '../../../shared/protocol/admin-api.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';

const MIB = 1024 * 1024;
const wide = { columns: 200 };

function node(overrides: Partial<NodeStatus>): NodeStatus {
  return {
    nodeId: 'web-1-abc234',
    state: 'connected',
    isOrigin: false,
    swarmAddress: '10.0.0.5:5110',
    version: '0.1.0',
    lastSeenMs: 1_000_000,
    blobCount: 12,
    blobBytes: 1536 * MIB,
    freeBytes: 200 * 1024 * MIB,
    badPieces: 0,
    downloads: [],
    ...overrides,
  };
}

function fleet(nodes: NodeStatus[], overrides: Partial<FleetStatus> = {}): FleetStatus {
  return {
    fleetId: '0123456789abcdef',
    version: '0.1.0',
    nowMs: 1_000_000,
    startedAtMs: 1_000_000 - 3_700_000,
    repositories: 1,
    tags: 2,
    blobs: { count: 12, bytes: 1536 * MIB, underReplicated: 0 },
    zones: [],
    nodes,
    ...overrides,
  };
}

test('A fleet is shown as a table, trouble first', () => {
  const text = renderStatus(
    fleet([
      node({ nodeId: 'a-2', isOrigin: true }),
      node({ nodeId: 'b-2', state: 'lost', lastSeenMs: 940_000, badPieces: 3 }),
      node({
        nodeId: 'c-2',
        downloads: [{ digest: digestOf(Buffer.from('x')), sizeBytes: 1024 * MIB, doneBytes: 512 * MIB, peers: 4 }],
      }),
    ]),
    wide,
  );

  assert.equal(
    text,
    `fleet 0123456789abcdef, coordinator 0.1.0, up 1h 1m
2 of 3 nodes connected, 1 origin; 1 repository, 2 tags, 12 blobs of 1.5 GiB

NODE  ROLE    STATE           SEEN  BLOBS     HELD     FREE  BAD  ADDRESS        VERSION
b-2   node    lost       1m 0s ago     12  1.5 GiB  200 GiB    3  10.0.0.5:5110  0.1.0
a-2   origin  connected                12  1.5 GiB  200 GiB       10.0.0.5:5110  0.1.0
c-2   node    connected                12  1.5 GiB  200 GiB       10.0.0.5:5110  0.1.0

DOWNLOAD TO  BLOB                 DONE                             SIZE  PEERS
c-2          sha256:2d711642b726   50%  [##########..........]  1.0 GiB      4
`,
  );
});

test('Columns that say nothing are left out', () => {
  const lines = renderStatus(fleet([node({ nodeId: 'a-2', isOrigin: true })]), wide).split('\n');

  assert.equal(lines[3], 'NODE  ROLE    STATE      BLOBS     HELD     FREE  ADDRESS        VERSION');
  assert.equal(lines[4], 'a-2   origin  connected     12  1.5 GiB  200 GiB  10.0.0.5:5110  0.1.0');
});

test('What needs somebody is said above the table', () => {
  const text = renderStatus(fleet([node({})], { blobs: { count: 9, bytes: 9, underReplicated: 2 } }), wide);

  assert.match(text, /^! 2 blobs with fewer copies than wanted$/m);
  assert.match(text, /^! no origin is connected/m);
});

test('A screen is never overfull, and what does not fit is counted', () => {
  const many = Array.from({ length: 100 }, (_, index) =>
    node({
      nodeId: `n-${index}`,
      isOrigin: true,
      downloads: [{ digest: digestOf(Buffer.from(String(index))), sizeBytes: 10, doneBytes: 1, peers: 1 }],
    }),
  );

  const lines = renderStatus(fleet(many), { columns: 60, rows: 22 }).trimEnd().split('\n');

  assert.ok(lines.length <= 22, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 60));
  assert.equal(lines.filter((line) => /^… and \d+ (nodes|downloads) more$/.test(line)).length, 2);
});

test('Text of other hosts cannot command the terminal', () => {
  const text = renderStatus(fleet([node({ version: '\x1b[2J\u009b', swarmAddress: 'a\nb' })]), wide);

  assert.ok(!text.includes('\x1b') && !text.includes('\u009b'));
  assert.match(text, /a\?b/);
});

test('Sizes and times are short', () => {
  assert.deepEqual([0, 999, 1000, 1536, 200 * 1024 * MIB].map(showBytes), [
    '0 B',
    '999 B',
    '1.0 KiB',
    '1.5 KiB',
    '200 GiB',
  ]);
  assert.deepEqual([0, 61_000, 3_600_000, 90_000_000].map(showDuration), ['0s', '1m 1s', '1h 0m', '1d 1h']);
});

test('Watching refreshes in place, keeps the last status through a failure, and gives the screen back', async () => {
  const clock = new FakeClock();
  const terminal = recordingTerminal({ isInteractive: true });
  const stop = new AbortController();
  let reads = 0;
  const read = (): Promise<FleetStatus> => {
    reads += 1;
    if (reads === 2) return Promise.reject(new AppError('coordinator_unreachable', 'gone'));
    return Promise.resolve(fleet([node({ isOrigin: true })]));
  };
  const watching = watchStatus({ clock, terminal, read }, stop.signal);

  await clock.advance(2_000);
  const afterFailure = terminal.output;
  await clock.advance(2_000);
  stop.abort();
  await watching;

  assert.equal(reads, 3);
  assert.match(afterFailure, /web-1-abc234[^]*web-1-abc234[^]*! not up to date: gone/);
  assert.ok(terminal.output.startsWith('\x1b[?1049h'));
  assert.ok(terminal.output.endsWith('\x1b[?25h\x1b[?1049l'));
});

test('Zones and racks of nodes are shown, and what came into a zone beside one copy of it', () => {
  const zones = [
    { zone: 'far\u001b', receivedBytes: 1050 * MIB, floorBytes: 1000 * MIB },
    { receivedBytes: MIB, floorBytes: MIB },
  ];
  const text = renderStatus(fleet([node({ zone: 'far', rack: 'r7' }), node({})], { zones }), wide);

  assert.match(text, /ZONE +RACK/);
  assert.match(text, /far +r7/);
  assert.match(text, /into zone far\? came 1\.0 GiB from others: 1\.05 copies of 1\.0 GiB\n/);
  assert.match(text, /into hosts without a zone came 1\.0 MiB from others: 1\.00 copies/);
});

test('Nodes that are refused are named with the reason, in lines that fit, and many of them are counted', () => {
  const refused = ['a-2', 'b-2', 'c-2', 'd-2', 'e-2'].map((nodeId) =>
    node({ nodeId, state: 'lost', refusal: 'it speaks another protocol; run the same version on both' }),
  );

  const text = renderStatus(fleet([node({ nodeId: 'o-2', isOrigin: true }), ...refused]), { columns: 60 });

  assert.match(
    text,
    /^! a-2 asks for a session and is refused: it speaks another\n {2}protocol; run the same version on both$/m,
  );
  assert.match(text, /^! c-2 asks/m);
  assert.doesNotMatch(text, /^! d-2/m);
  assert.match(text, /^! 2 more nodes are refused; --json says why$/m);
});
