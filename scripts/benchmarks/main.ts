// `scripts/bench <what>`: runs a benchmark, writes its table to stdout and, with --json, one line for programs.

import { parseArgs } from 'node:util';
import { benchLocal, LOCAL_PARTS } from './local.ts';
import { isReached, ratioOf, tableText } from './report.ts';

const USAGE = `usage: scripts/bench local [--runs N] [--scale N] [--part beside|nodes] [--json]

Measures Shoal on this machine beside Debian's docker-registry (packages docker-registry, wrk, apache2-utils and curl;
scripts/install-test-clients installs them). Needs about 15 GB of free disk and five minutes.

  --runs N    runs of each measurement on each side; medians are shown (default 5)
  --scale N   divides sizes and times by N, to see quickly whether it works (default 1)
  --part P    only what docker-registry does too (beside), or only what happens between nodes (nodes)
  --json      one JSON document instead of the table

Ratios hold on a noisy machine, single figures do not.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      part: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals[0] !== 'local') {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  const options = { runs: Number(values.runs), scale: Number(values.scale) };
  if (!Number.isInteger(options.runs) || options.runs < 1 || !(options.scale >= 1)) {
    process.stderr.write('--runs takes a whole number from 1, --scale a number from 1\n');
    return 2;
  }
  const parts = LOCAL_PARTS.filter((part) => values.part?.includes(part) ?? true);
  if (parts.length === 0) {
    process.stderr.write(`--part takes ${LOCAL_PARTS.join(' or ')}\n`);
    return 2;
  }
  const progress = (text: string): void => void process.stderr.write(`${text}…\n`);
  const rows = await benchLocal({ ...options, parts, progress });
  const json = rows.map((row) => ({ ...row, ratio: ratioOf(row), isReached: isReached(row) }));
  process.stdout.write(values.json ? `${JSON.stringify({ ...options, rows: json })}\n` : `${tableText(rows)}\n`);
  return 0;
}

process.exitCode = await main();
