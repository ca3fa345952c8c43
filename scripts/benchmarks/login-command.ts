// `scripts/bench login`

import type { BenchCommand } from './bench-command.ts';
import { wholeNumber } from './flag-values.ts';
import { benchLogin } from './login.ts';
import { loadNow } from './machine-load.ts';
import { rowsJson, tableText } from './report.ts';

const FLAGS = {
  turns: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '20' },
  rate: { type: 'string', default: '200' },
} as const;

export const loginCommand: BenchCommand<typeof FLAGS> = {
  name: 'login',
  summary: 'what passwords cost: CPU with and without them',
  usage: `usage: scripts/bench login [--turns N] [--seconds N] [--rate N] [--json]

Two registries on loopback with one image, one open to everybody, one with an htpasswd file (access.scheme basic, bcrypt of cost 10).
One user asks for the manifest 200 times a second over connections that stay open, of one and the other in turns. Shown is the
CPU time that each process took in a second, all that it did beside included, and what one computed password takes: it is
remembered for 300 s, so that this comes on top once in that time.

  --turns N    turns of each; medians are shown (default 5)
  --seconds N  seconds of a turn (default 20)
  --rate N     requests in a second (default 200)
  --json       one JSON object as the last line, instead of the table
`,
  flags: FLAGS,
  needs: { programs: [] },
  async run(flags, { progress }, signal) {
    const options = {
      turns: wholeNumber('--turns', flags.turns, { from: 1, to: 100 }),
      seconds: wholeNumber('--seconds', flags.seconds, { from: 1, to: 600 }),
      requestsPerSecond: wholeNumber('--rate', flags.rate, { from: 1, to: 5000 }),
    };
    const load = loadNow();
    const rows = await benchLogin(options, progress, signal);
    return { text: `${tableText(rows)}\nload before ${load}\n`, json: { ...options, load, rows: rowsJson(rows) } };
  },
};
