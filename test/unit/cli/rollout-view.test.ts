import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followRollout, type FollowOptions } from '../../../node/cli/rollout-follow.ts';
import { renderRollout } from '../../../node/cli/rollout-view.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { HostRow, RolloutStatus } from '../../../shared/protocol/rollout.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingTerminal, type RecordingTerminal } from '../../support/recording-terminal.ts';

const MIB = 1024 * 1024;
const digest = digestOf(Buffer.from('manifest'));
const noProgress = Array.from({ length: 10 }, () => 0);

function row(overrides: Partial<HostRow>): HostRow {
  const usual = {
    nodeId: 'web-1',
    state: 'pulling',
    isConnected: true,
    doneBytes: 25 * MIB,
    sizeBytes: 100 * MIB,
  } as const;
  return { ...usual, tookMs: 2500, peers: 4, ...overrides };
}

function status(overrides: Partial<RolloutStatus>): RolloutStatus {
  return {
    nowMs: 10_000,
    sinceMs: 0,
    repository: 'team/app',
    tag: 'v1',
    digest,
    images: [{ digest, blobCount: 5, sizeBytes: 100 * MIB, hosts: 3 }],
    hosts: { asked: 0, pulling: 1, done: 1, stopped: 0, idle: 0 },
    doneBytes: 125 * MIB,
    sizeBytes: 200 * MIB,
    runningMs: 4000,
    doneTimes: { hosts: 1, p50Ms: 3000, p90Ms: 3000, p99Ms: 3000, maxMs: 3000 },
    progress: noProgress.with(2, 1),
    slowest: [row({}), row({ nodeId: 'web-2', state: 'done', doneBytes: 100 * MIB, tookMs: 3000 })],
    ...overrides,
  };
}

const over = status({
  hosts: { asked: 0, pulling: 0, done: 2, stopped: 0, idle: 0 },
  doneBytes: 200 * MIB,
  doneTimes: { hosts: 2, p50Ms: 3000, p90Ms: 5000, p99Ms: 5000, maxMs: 5000 },
});
const stopped = status({ hosts: { asked: 0, pulling: 0, done: 1, stopped: 1, idle: 0 } });

test('A rollout is shown with a bar for the fleet and one for each host', () => {
  assert.equal(
    renderRollout({ status: status({}), bytesPerSecond: 10 * MIB }, { columns: 200 }),
    `team/app:v1  ${digest.slice(0, 19)}  100 MiB in 5 blobs
1 of 2 hosts has it, 1 pulling
[#########################...............] 62%   10.0 MiB/s together   4.0 s since the first asked
of the hosts that have it, the one that fetched it took 3.0 s

HOST   STATE    DONE                               OF  PEERS   TIME
web-1  pulling   25%  [#####...............]  100 MiB      4  2.5 s
web-2  done     100%  [####################]  100 MiB      4  3.0 s
`,
  );
});

test('Ten thousand hosts fit on a screen: the slowest, how far the others are, and how many', () => {
  const hosts = Array.from({ length: 50 }, (_, index) => row({ nodeId: `web-${index}` }));
  const large = status({
    hosts: { asked: 500, pulling: 5000, done: 4400, stopped: 100, idle: 7 },
    progress: [500, 0, 5000, 0, 0, 100, 0, 0, 0, 0],
    slowest: hosts,
  });

  const lines = renderRollout({ status: large }, { columns: 80, rows: 22 }).split('\n');

  assert.equal(lines.length - 1, 22);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match(lines.join('\n'), /4400 of 10000 hosts have it, 5000 pulling, 500 asked, 100 stopped\n/);
  assert.match(lines.join('\n'), /7 more hosts looked at it or hold some of it, and pull nothing/);
  assert.match(lines.join('\n'), /\n… and 9998 hosts more\n\n +HAVE .*HOSTS\n +0-10% +\[##\.+\] +500\n/);
  assert.match(lines.join('\n'), /20-30% {2}\[####################\] {3}5000\n/);
});

test('Each platform of an index is told with its hosts', () => {
  const images = ['linux/amd64', 'linux/arm64\u001b[2J'].map((platform) => ({
    digest,
    platform,
    blobCount: 1,
    sizeBytes: MIB,
    hosts: 2,
  }));

  const text = renderRollout({ status: status({ images }) }, { columns: 100 });

  assert.match(text, /\n {2}linux\/amd64: 2 hosts, 1\.0 MiB each\n {2}linux\/arm64\?\[2J: 2 hosts/);
});

test('A host of which it is not known what it takes has no bar, and one that is away says so', () => {
  const slowest = [
    row({ state: 'asked', doneBytes: 0, sizeBytes: 0, peers: 0 }),
    row({ nodeId: 'web-9', isConnected: false }),
  ];

  const text = renderRollout({ status: status({ slowest }) }, { columns: 100 });

  assert.match(text, /web-1 {2}asked {22,}/);
  assert.match(text, /web-9 {2}pulling, away {3}25%/);
});

async function follow(
  looks: readonly (RolloutStatus | Error)[],
  options: Partial<FollowOptions>,
  terminal: RecordingTerminal = recordingTerminal(),
): Promise<RecordingTerminal & { readonly code: number }> {
  const clock = new FakeClock();
  let at = 0;
  const read = async (): Promise<RolloutStatus> => {
    const look = looks[Math.min(at, looks.length - 1)];
    at += 1;
    if (look === undefined || look instanceof Error) throw look ?? new Error('nothing to read');
    return { ...look, nowMs: clock.nowMs() };
  };
  let isEnded = false;
  const ending = followRollout(
    { clock, terminal, read },
    { form: 'text', until: 'done', hosts: undefined, ...options },
    new AbortController().signal,
  ).finally(() => {
    isEnded = true;
  });
  ending.catch(() => undefined); // the caller gets it below
  for (let step = 0; step < 20 && !isEnded; step += 1) await clock.advance(2000);
  const code = await ending;
  return Object.assign(terminal, { code });
}

test('Without a terminal each change is a line, and the end says how long it took', async () => {
  const { output, code } = await follow([status({}), status({}), over], {});

  assert.equal(
    output,
    `62% 1 of 2 hosts has it, 1 pulling
100% 2 of 2 hosts have it, 18.8 MiB/s together
all 2 hosts that asked for it or held it have it; half took at most 3.0 s, 99% 5.0 s, the slowest 5.0 s
`,
  );
  assert.equal(code, 0);
});

test('On a terminal it is drawn on the other screen, and the end stays on the old one', async () => {
  const terminal = recordingTerminal({ isInteractive: true, columns: 100 });

  const { output, code } = await follow([status({}), over], {}, terminal);

  const [live, after = ''] = output.split('\x1b[?1049l');
  assert.match(live ?? '', /\[\?1049h.*62%/s);
  assert.match(after, /2 of 2 hosts have it\n\[#{40}\] 100%\n/);
  assert.doesNotMatch(after, /since the first asked/);
  assert.equal(code, 0);
});

test('It waits for the first to ask, and ends when nothing moves any more, with a code that says so', async () => {
  const nobody = { asked: 0, pulling: 0, done: 1, stopped: 0, idle: 0 };
  const { runningMs: _, ...unasked } = status({ hosts: nobody, slowest: [] });

  const { output, code } = await follow([unasked, unasked, stopped], {});

  assert.match(output, /1 of 2 hosts has it, 1 stopped/);
  assert.equal(code, 1);
});

test('--hosts waits for so many', async () => {
  const { output, code } = await follow([stopped, over], { hosts: 2 });

  assert.match(output, /all 2 hosts/);
  assert.equal(code, 0);
});

test('--once is one look; --json is one document a line, and only when something changed', async () => {
  const once = await follow([status({})], { until: 'now' });
  const json = await follow([status({}), status({ runningMs: 5000 }), over], { form: 'json' });

  assert.match(once.output, /^team\/app:v1/);
  const documents = json.output.trim().split('\n');
  assert.deepEqual(
    documents.map((line) => (JSON.parse(line) as RolloutStatus).hosts.done),
    [1, 2],
  );
});

test('A coordinator that is away for a moment is waited for; one that never answers is told of at once', async () => {
  const away = new AppError('coordinator_unreachable', 'cannot reach the coordinator');

  const { messages, code } = await follow([status({}), away, over], {});

  assert.match(messages, /not up to date: cannot reach the coordinator/);
  assert.equal(code, 0);
  await assert.rejects(follow([away], {}), /cannot reach/);
});
