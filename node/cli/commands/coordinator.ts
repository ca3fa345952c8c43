// `shoal coordinator`

import { CoordinatorConfig } from '../../../coordinator/config.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { formatHostPort, parseHostPort } from '../../../shared/runtime/host-port.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import { NodeConfig } from '../../config.ts';
import type { Command } from '../command.ts';
import { startOwnCoordinator } from '../coordinator-start.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { reloadSettings } from '../reload-settings.ts';
import { openServiceLog } from '../service-log.ts';
import { typedName } from '../typed-name.ts';

/** What requests have to finish after SIGTERM, before they are cut. They are short; pushes that wait for copies are answered and come again. */
const DRAIN_MS = 10_000;

export const coordinatorCommand: Command = {
  words: ['coordinator'],
  summary: 'run the coordinator alone, on a host of its own',
  about: [
    'Runs the coordinator of a fleet: the index of tags and manifests, the register of who holds what, and the authority by which nodes know each other. It holds no blobs: a fleet also needs a node with --origin.',
    'The first start makes a new fleet in the data folder. Keep a copy of its folder authority/ in a safe place: without it every node has to join again.',
  ],
  examples: [
    { does: 'Start it:', line: 'shoal coordinator --data /srv/shoal' },
    {
      does: 'Then make a token for the first node, from another terminal:',
      line: 'shoal token create --data /srv/shoal',
    },
  ],
  flags: [],
  settings: () => Promise.resolve({ schema: CoordinatorConfig, defaults: {}, alsoKnown: [NodeConfig] }),
  async run({ terminal, config: readConfig, onReload, stop }) {
    const config = await readConfig(CoordinatorConfig);
    const version = await readProgramVersion();
    const log = openServiceLog(config.log, { terminal, command: 'coordinator', version });
    const deps = { clock: systemClock, log, version };
    await runUntilStopped(
      deps,
      {
        drainMs: DRAIN_MS,
        start: async (resources) => {
          const coordinator = resources.use(await startOwnCoordinator(config, deps));
          const read = (): Promise<CoordinatorConfig> => readConfig(CoordinatorConfig);
          const apply = (): void => undefined; // none of its settings may change while it runs
          resources.use(reloadSettings({ log, onReload, read, apply }, { schema: CoordinatorConfig, config }));
          const { host } = parseHostPort(config.listen);
          const shoal = await typedName({ path: terminal.environment['PATH'], folder: process.cwd() });
          const address = formatHostPort({ host, port: coordinator.port });
          terminal.out(startText({ shoal, address, data: config.data }));
        },
      },
      stop,
    );
    return 0;
  },
};

function startText(about: { readonly shoal: string; readonly address: string; readonly data: string }): string {
  const { shoal, address, data } = about;
  return [
    `Shoal coordinator is running at https://${address}`,
    '',
    `  a token for a new host:  ${shoal} token create --data ${data}`,
    '  there:                   shoal node --coordinator HOST:PORT --join TOKEN    (the first one with --origin)',
    `  the fleet:               ${shoal} status --data ${data}`,
    '',
  ].join('\n');
}
