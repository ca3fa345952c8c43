// `shoal up`

import { systemClock } from '../../../shared/runtime/clock.ts';
import { isLoopback, parseHostPort } from '../../../shared/runtime/host-port.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import { NodeConfig } from '../../config.ts';
import { clientHost } from '../client-address.ts';
import type { Command } from '../command.ts';
import { tellOfOthersVolume } from '../others-volume.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { reloadSettings } from '../reload-settings.ts';
import { openServiceLog } from '../service-log.ts';
import { startFleetOfOne } from '../start-fleet-of-one.ts';
import { typedName } from '../typed-name.ts';
import { UpConfig } from '../up-config.ts';

export const upCommand: Command = {
  words: ['up'],
  summary: 'run a coordinator and a node in one process: all that a single host needs',
  about: [
    'Runs a whole fleet on one host: the coordinator, and a node that serves the registry on localhost and keeps every blob. Nothing has to be set up first.',
    'Further hosts may join at any time: start this with --listen 0.0.0.0:5100, so that they reach the coordinator; make a token with `shoal token create`; and run `shoal node` on them.',
  ],
  examples: [
    { does: 'Start it, with everything it keeps in ./.shoal:', line: 'shoal up --data ./.shoal' },
    { does: 'Then push to it, from another terminal:', line: 'docker push localhost:5000/team/app:v1' },
    { does: 'The first host of a fleet:', line: 'shoal up --listen 0.0.0.0:5100' },
  ],
  flags: [],
  settings: () =>
    Promise.resolve({
      schema: UpConfig,
      defaults: { origin: true, listen: '127.0.0.1:5100' },
      alsoKnown: [NodeConfig],
    }),
  async run({ terminal, config: readConfig, onReload, stop }) {
    const config = await readConfig(UpConfig);
    const version = await readProgramVersion();
    const log = openServiceLog(config.log, { terminal, command: 'up', version });
    const shoal = await typedName({ path: terminal.environment['PATH'], folder: process.cwd() });
    await tellOfOthersVolume(log, { root: config.data, data: config.data, program: shoal });
    const deps = { clock: systemClock, log, version };
    await runUntilStopped(
      deps,
      {
        drainMs: config.drainMs,
        start: async (resources) => {
          const node = await startFleetOfOne(config, { ...deps, resources });
          const read = (): Promise<UpConfig> => readConfig(UpConfig);
          resources.use(
            reloadSettings({ log, onReload, read, apply: (next) => node.tune(next) }, { schema: UpConfig, config }),
          );
          const registry = clientHost(node.httpAddress);
          terminal.out(startText({ shoal, registry, scheme: node.scheme, data: config.data, listen: config.listen }));
        },
      },
      stop,
    );
    return 0;
  },
};

function startText({
  shoal,
  registry,
  scheme,
  data,
  listen,
}: {
  readonly shoal: string;
  readonly registry: string;
  readonly scheme: string;
  readonly data: string;
  readonly listen: string;
}): string {
  const reach = isLoopback(parseHostPort(listen).host) ? '    (start this with --listen 0.0.0.0:5100 first)' : '';
  return [
    `Shoal is running: registry at ${scheme}://${registry}, data in ${data}`,
    '',
    `  docker tag IMAGE ${registry}/IMAGE:v1`,
    `  docker push ${registry}/IMAGE:v1`,
    '',
    `  more hosts:  ${shoal} token create --data ${data}${reach}`,
    `  the fleet:   ${shoal} status --data ${data}`,
    '',
  ].join('\n');
}
