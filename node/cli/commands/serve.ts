// `shoal serve`

import { dirname } from 'node:path';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import { NodeConfig } from '../../config.ts';
import { PATH_VARIABLE, readRegistryConfig, type RegistryConfig } from '../../registry-config/read-registry-config.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import type { Command } from '../command.ts';
import { givenBy, withTheirNames } from '../registry-settings.ts';
import { reloadSettings } from '../reload-settings.ts';
import { tellOfOthersVolume } from '../others-volume.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { SERVE_DEFAULTS } from '../serve-defaults.ts';
import { openServiceLog } from '../service-log.ts';
import { startFleetOfOne } from '../start-fleet-of-one.ts';
import { typedName } from '../typed-name.ts';
import { UpConfig } from '../up-config.ts';

export const serveCommand: Command = {
  words: ['serve'],
  summary: 'take the place of a registry:2 container, with its configuration file',
  about: [
    'Runs what `shoal up` runs, configured by the file of registry:2 or registry:3 and by REGISTRY_… variables. A key that has no effect here is logged once, as a warning; a key that does not exist is an error.',
    `CONFIG is that file. Without it ${PATH_VARIABLE} names the file; without that, variables and defaults alone count.`,
    'Data is kept in the folder shoal/ within storage.filesystem.rootdirectory. The flags below win over the file. To let further hosts join: --listen 0.0.0.0:5100 --swarm 0.0.0.0:5110.',
  ],
  examples: [
    { does: 'With a configuration that you have:', line: 'shoal serve /etc/docker/registry/config.yml' },
    { does: 'With variables alone:', line: 'REGISTRY_HTTP_ADDR=:5001 shoal serve' },
  ],
  operands: [{ name: 'CONFIG', isRequired: false }],
  flags: [],
  settings: () => Promise.resolve({ schema: UpConfig, defaults: SERVE_DEFAULTS, alsoKnown: [NodeConfig] }),
  async run({ terminal, config: readConfig, operands: [operand], onReload, stop }) {
    const path = operand ?? (terminal.environment[PATH_VARIABLE] || undefined);
    const readRegistry = (): Promise<RegistryConfig> => readRegistryConfig({ path, environment: terminal.environment });
    const registry = await readRegistry();
    const config = await readConfig(UpConfig, givenBy(registry));
    const version = await readProgramVersion();
    const log = openServiceLog(config.log, { terminal, command: 'serve', version });
    tellWhatIsIgnored(log, registry);
    const program = await typedName({ path: terminal.environment['PATH'], folder: process.cwd() });
    await tellOfOthersVolume(log, { root: dirname(config.data), data: config.data, program });
    const deps = { clock: systemClock, log, version };
    await runUntilStopped(
      deps,
      {
        drainMs: config.drainMs,
        start: async (resources) => {
          const node = await startFleetOfOne(config, { ...deps, resources });
          const read = async (): Promise<UpConfig> => readConfig(UpConfig, givenBy(await readRegistry()));
          resources.use(
            reloadSettings({ log, onReload, read, apply: (next) => node.tune(next) }, { schema: UpConfig, config }),
          );
        },
      },
      stop,
    ).catch((error: unknown) => {
      throw withTheirNames(error, registry);
    });
    return 0;
  },
};

function tellWhatIsIgnored(log: Logger, { ignored, unknownVariables }: RegistryConfig): void {
  for (const { key, source, why } of ignored) log.warn({ key, source, why }, 'this key has no effect');
  for (const variable of unknownVariables) log.warn({ variable }, 'this variable names no key; it has no effect');
}
