// `scripts/bench cache`

import type { BenchCommand } from './bench-command.ts';
import { benchCache } from './cache.ts';
import { wholeNumber } from './flag-values.ts';
import { loadNow } from './machine-load.ts';
import { rowsJson, tableText } from './report.ts';

const FLAGS = {
  runs: { type: 'string', default: '3' },
  'size-mb': { type: 'string', default: '1000' },
  'line-mb': { type: 'string', default: '125' },
  nodes: { type: 'string', default: '8' },
  'fleet-size-mb': { type: 'string', default: '250' },
  'rate-mb': { type: 'string', default: '25' },
} as const;

export const cacheCommand: BenchCommand<typeof FLAGS> = {
  name: 'cache',
  summary: 'pulls through the cache of an upstream, beside pulls from the upstream itself',
  usage: `usage: scripts/bench cache [--runs N] [--size-mb N] [--line-mb N] [--nodes N] [--fleet-size-mb N] [--rate-mb N] [--json]

Debian's docker-registry is the upstream, on loopback. First one host: a blob is pulled from the upstream, then through a registry of
ours that is a cache of it and does not have it yet, then once more when it has it, and then through docker-registry as a cache of
itself; all that once with nothing in between, and once over a line that carries so many bytes in a second. Then a fleet: some hosts,
one of them an origin, ask for the same blob in the same moment, over one line to the upstream for all of them. Shown are the time to
the first byte at the client, the time to the last, and how many copies the upstream sent. The column docker-registry is the pull
without a cache, but where the line says so.

  --runs N           blobs of the first part each time, one after the other; medians are shown (default 3)
  --size-mb N        size of each, in MB (default 1000)
  --line-mb N        what the line of the first part carries, in MB in a second (default 125: 1 Gbit/s)
  --nodes N          hosts of the second part (default 8)
  --fleet-size-mb N  size of the blob that they ask for, in MB (default 250)
  --rate-mb N        what their line to the upstream carries, in MB in a second (default 25)
  --json             one JSON object as the last line, instead of the table

Needs curl, docker-registry, and on disk five times the size of all blobs of the first part and a copy of the other for each host.
`,
  flags: FLAGS,
  needs: { programs: ['curl', 'docker-registry'] },
  async run(flags, { progress }, signal) {
    const megabytes = { from: 1, to: 100_000 };
    const options = {
      runs: wholeNumber('--runs', flags.runs, { from: 1, to: 100 }),
      sizeBytes: wholeNumber('--size-mb', flags['size-mb'], megabytes) * 1e6,
      lineBytesPerSecond: wholeNumber('--line-mb', flags['line-mb'], { from: 1, to: 10_000 }) * 1e6,
      nodes: wholeNumber('--nodes', flags.nodes, { from: 1, to: 64 }),
      fleetSizeBytes: wholeNumber('--fleet-size-mb', flags['fleet-size-mb'], megabytes) * 1e6,
      bytesPerSecond: wholeNumber('--rate-mb', flags['rate-mb'], { from: 1, to: 10_000 }) * 1e6,
    };
    const load = loadNow();
    const rows = await benchCache(options, progress, signal);
    return { text: `${tableText(rows)}\nload before ${load}\n`, json: { ...options, load, rows: rowsJson(rows) } };
  },
};
