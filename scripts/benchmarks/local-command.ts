// `scripts/bench local`

import type { BenchCommand } from './bench-command.ts';
import { UsageError, wholeNumber } from './flag-values.ts';
import { benchLocal, LOCAL_PARTS } from './local.ts';
import { rowsJson, tableText } from './report.ts';

const FLAGS = {
  runs: { type: 'string', default: '5' },
  scale: { type: 'string', default: '1' },
  part: { type: 'string', multiple: true, default: LOCAL_PARTS.map(String) },
} as const satisfies BenchCommand['flags'];

export const localCommand: BenchCommand<typeof FLAGS> = {
  name: 'local',
  summary: 'one host beside docker-registry, memory, and the way from node to node',
  usage: `usage: scripts/bench local [--runs N] [--scale N] [--part beside|nodes] [--json]

Measures Shoal on this machine beside Debian's docker-registry (packages docker-registry, wrk, apache2-utils and curl;
scripts/install-test-clients installs them). Needs about 15 GB of free disk and five minutes.

  --runs N    runs of each measurement on each side; medians are shown (default 5)
  --scale N   divides sizes and times by N, to see quickly whether it works (default 1)
  --part P    only what docker-registry does too (beside), or only what happens between nodes (nodes)
  --json      one JSON object as the last line, instead of the table

Ratios hold on a noisy machine, single figures do not.
`,
  flags: FLAGS,
  needs: { programs: ['docker-registry', 'wrk', 'ab', 'curl'] },
  async run(flags, { progress }) {
    const runs = wholeNumber('--runs', flags.runs, { from: 1, to: 1000 });
    const scale = Number(flags.scale);
    if (!(scale >= 1)) throw new UsageError(`--scale takes a number from 1, not '${flags.scale}'`);
    const parts = LOCAL_PARTS.filter((part) => flags.part.includes(part));
    if (parts.length === 0) throw new UsageError(`--part takes ${LOCAL_PARTS.join(' or ')}`);
    const rows = await benchLocal({ runs, scale, parts, progress });
    return { text: `${tableText(rows)}\n`, json: { runs, scale, rows: rowsJson(rows) } };
  },
};
