// `scripts/bench coordinator`

import type { BenchCommand } from '../bench-command.ts';
import { wholeNumber } from '../flag-values.ts';
import { loadNow } from '../machine-load.ts';
import { percentile, type Row, rowsJson, tableText } from '../report.ts';
import { benchCoordinator, type CoordinatorResult } from './coordinator-bench.ts';

/** What one machine has ports and memory for. */
const MAX_SESSIONS = 20_000;
/** A session costs its client about 100 KB; one process per two and a half thousand keeps each below half a gigabyte. */
const SESSIONS_PER_WORKER = 2500;

const FLAGS = {
  sessions: { type: 'string', default: '10000' },
  rounds: { type: 'string', default: '5' },
  'resolve-every-ms': { type: 'string', default: '5' },
} as const;

export const coordinatorCommand: BenchCommand<typeof FLAGS> = {
  name: 'coordinator',
  summary: 'thousands of real sessions announce at once, while others resolve tags',
  usage: `usage: scripts/bench coordinator [--sessions N] [--rounds N] [--resolve-every-ms N] [--json]

Starts one coordinator and lets that many nodes join it, each with a certificate of its own, and open a session: mutual
TLS and a WebSocket, as a node does it. Then all of them get one more blob in the same moment and announce it as nodes do, which
spread their news over the time that the coordinator names for a fleet of this size, again and again, while another node
resolves a tag every few milliseconds, whether or not it was answered. Shown are the times of these resolves, how long a
round took until the last announcement was recorded and acknowledged, and the memory of the coordinator.

  --sessions N          nodes (default 10000)
  --rounds N            times that all announce (default 5)
  --resolve-every-ms N  between resolves (default 5)
  --json                one JSON object as the last line, instead of the table

The sessions' other ends run on this machine too and take more of its cores than the coordinator. Needs about 1.5 GB of
memory, as many ports and open files (ulimit -Hn) as sessions, and a minute or two until all have joined.
`,
  flags: FLAGS,
  needs: { programs: [] },
  async run(flags, { progress }, signal) {
    const sessions = wholeNumber('--sessions', flags.sessions, { from: 1, to: MAX_SESSIONS });
    const rounds = wholeNumber('--rounds', flags.rounds, { from: 1, to: 100 });
    const resolveEveryMs = wholeNumber('--resolve-every-ms', flags['resolve-every-ms'], { from: 1, to: 10_000 });
    const options = { sessions, rounds, resolveEveryMs, workers: Math.ceil(sessions / SESSIONS_PER_WORKER) };
    const load = loadNow();
    const result = await benchCoordinator(options, progress, signal);
    const rows = rowsOf(sessions, result);
    const about = `load before ${load}, cores idle while announcing ${Math.round(result.idleShare * 100)} %`;
    return {
      text: `${tableText(rows)}\n${about}\n`,
      json: { ...options, load, idleShare: result.idleShare, rows: rowsJson(rows) },
    };
  },
};

function rowsOf(sessions: number, result: CoordinatorResult): Row[] {
  const none = {};
  const ms = (what: string, value: number, atMost?: number): Row => ({
    what,
    unit: 'ms',
    shoal: value,
    ...(atMost === undefined ? none : { bar: { of: 'value', atMost } as const }),
  });
  return [
    { what: `${sessions} nodes joined and connected in`, unit: 's', shoal: result.openSeconds },
    ms('resolve while nobody announces, p50', percentile(result.quiet, 0.5)),
    ms('resolve while nobody announces, p99', percentile(result.quiet, 0.99)),
    ms('resolve while all announce, p50', percentile(result.announcing, 0.5)),
    ms('resolve while all announce, p99', percentile(result.announcing, 0.99), 20),
    ms('resolve while all announce, slowest', Math.max(...result.announcing)),
    ms('announcement acknowledged, p50', percentile(result.announceMs, 0.5)),
    ms('all announcements acknowledged, median round', percentile(result.roundMs, 0.5)),
    { what: 'coordinator, resident with all sessions', unit: 'MB', shoal: result.residentBytes.open / 1e6 },
    {
      what: 'coordinator, resident at its highest',
      unit: 'MB',
      shoal: result.residentBytes.peak / 1e6,
      bar: { of: 'value', atMost: 1500 },
    },
  ];
}
