// `scripts/bench first-byte`

import type { BenchCommand } from './bench-command.ts';
import { benchFirstByte } from './first-byte.ts';
import { wholeNumber } from './flag-values.ts';
import { loadNow } from './machine-load.ts';
import { rowsJson, tableText } from './report.ts';

const FLAGS = {
  runs: { type: 'string', default: '5' },
  'size-mb': { type: 'string', default: '1000' },
  'small-blobs': { type: 'string', default: '20' },
} as const;

export const firstByteCommand: BenchCommand<typeof FLAGS> = {
  name: 'first-byte',
  summary: 'how soon a client reads what is not on its host',
  usage: `usage: scripts/bench first-byte [--runs N] [--size-mb N] [--small-blobs N] [--json]

A coordinator, an origin and three nodes on loopback. First small blobs of 1 byte to 1 MiB that only the origin has: from
a client's request at another node to the last byte. Then a large blob: two nodes begin to pull it, half a second later
a client asks a third for it and reads it in order. Shown are the time to its first byte, which is to be below 100 ms and
the time of one piece, and when it had read all, as a multiple of what the node says its download took (GET /pulls).

  --runs N         large blobs, one after the other; medians are shown (default 5)
  --size-mb N      size of the large blob, in MB (default 1000)
  --small-blobs N  small blobs of each size (default 20)
  --json           one JSON object as the last line, instead of the table

Needs curl, and five times the size of each large blob on disk.
`,
  flags: FLAGS,
  needs: { programs: ['curl'] },
  async run(flags, { progress }, signal) {
    const options = {
      runs: wholeNumber('--runs', flags.runs, { from: 1, to: 100 }),
      sizeBytes: wholeNumber('--size-mb', flags['size-mb'], { from: 1, to: 100_000 }) * 1e6,
      smallBlobs: wholeNumber('--small-blobs', flags['small-blobs'], { from: 1, to: 1000 }),
    };
    const load = loadNow();
    const rows = await benchFirstByte(options, progress, signal);
    return { text: `${tableText(rows)}\nload before ${load}\n`, json: { ...options, load, rows: rowsJson(rows) } };
  },
};
