// `scripts/bench fleet`

import type { BenchCommand } from '../bench-command.ts';
import { loadNow } from '../machine-load.ts';
import { boundSeconds, measureSide, type SideName } from './fleet-bench.ts';
import { FLEET_FLAGS, fleetOptions } from './fleet-options.ts';
import { fleetPlot } from './fleet-plot.ts';
import { fleetJson, fleetTable, type FleetReport, type FleetRun, type MeasuredSide } from './fleet-report.ts';
import { summarise } from './fleet-result.ts';

export const fleetCommand: BenchCommand<typeof FLEET_FLAGS> = {
  name: 'fleet',
  summary: 'a fleet of shaped hosts pulls one image at once, beside a central docker-registry',
  usage: `usage: scripts/bench fleet [--hosts N] [--rate-mbit N] [--size-mib N] [--layers N] [options]

All hosts start to pull the same new image in the same moment. Each is a network namespace with a link of its own, the
same rate in both directions (tbf), a node with its own localhost:5000, and a client that takes up to three layers at a
time as docker does and checks every digest. Coordinator and origin have hosts of their own. Afterwards the same hosts
pull the same amount from one docker-registry. Bytes are counted on the links, headers and all.

The bound is the time that no way of copying can beat: max(S/U, S/d, N*S/(U+N*u)) for an image of S bytes, a source
that sends U, and N hosts that receive d and send u bytes in a second.

  --hosts N       hosts that pull (default 16)
  --rate-mbit N   of every link, in Mbit/s (default 50)
  --size-mib N    of the image, in MiB (default 100)
  --layers N      that it is cut into (default 2)
  --from-node     the image is pushed to a node that is no origin
  --slow N        N hosts have a tenth of the rate, and say so to nobody
  --kill N        N hosts are killed half way
  --runs N        runs, each with new hosts and a new image (default 1)
  --warm-up-mib N an image that is pulled through Shoal before, so that one machine's cores do not spend the time compiling
                  the program N times over (default 100; 0 for hosts that never pulled anything)
  --shoal-only    without docker-registry, whose part takes N times as long
  --plot FILE     where the plot goes (default bench-results/fleet.svg)
  --json          one JSON object as the last line, instead of the table

Needs Linux, root, the packages iproute2, util-linux and docker-registry (scripts/install-test-clients installs them),
about 150 MB of memory and twice the image's size on disk for each host. Ctrl-C removes everything again.
`,
  flags: FLEET_FLAGS,
  needs: { root: true, programs: ['ip', 'tc', 'nsenter', 'docker-registry'] },
  async run(flags, { progress }, signal) {
    const options = fleetOptions(flags);
    const bound = boundSeconds(options);
    const measure = async (name: SideName, run: number): Promise<MeasuredSide> => {
      const result = await measureSide(name, options, { run, progress }, signal);
      return { result, summary: summarise(result, { sizeBytes: options.sizeBytes, boundSeconds: bound }) };
    };
    const runs: FleetRun[] = [];
    for (let run = 1; run <= options.runs; run += 1) {
      if (options.runs > 1) progress(`run ${run} of ${options.runs}`);
      const load = loadNow();
      const shoal = await measure('shoal', run);
      runs.push({ load, shoal, ...(options.isBeside ? { reference: await measure('docker-registry', run) } : {}) });
    }
    const report: FleetReport = { options, boundSeconds: bound, runs };
    return { text: fleetTable(report), json: fleetJson(report), plot: fleetPlot(report) };
  },
};
