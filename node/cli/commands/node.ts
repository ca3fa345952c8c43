// `shoal node`

import { CoordinatorConfig } from '../../../coordinator/config.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { openStdoutLines } from '../../../shared/runtime/log.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import { NodeConfig } from '../../config.ts';
import type { Command } from '../command.ts';
import { clientHost } from '../client-address.ts';
import { originRole, remoteMembership } from '../node-membership.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { reloadSettings } from '../reload-settings.ts';
import { openServiceLog } from '../service-log.ts';

export const nodeCommand: Command = {
  words: ['node'],
  summary: 'run a node; its first start needs --coordinator and --join',
  about: [
    'Runs a node: the registry API for this host, and a member of the swarm in which hosts get blobs from each other.',
    'The first start joins a fleet with a token; by the same token the node checks that it talks to the right coordinator. From then on it has a certificate, which it renews by itself: later starts need neither flag.',
  ],
  examples: [
    {
      does: 'The first start, with a token that `shoal token create` printed:',
      line: 'shoal node --coordinator 10.0.0.5:5100 --join shoal1.…',
    },
    { does: 'Every later start:', line: 'shoal node' },
  ],
  flags: [],
  settings: () => Promise.resolve({ schema: NodeConfig, defaults: {}, alsoKnown: [CoordinatorConfig] }),
  async run({ terminal, config: readConfig, onReload, stop }) {
    const config = await readConfig(NodeConfig);
    const version = await readProgramVersion();
    const log = openServiceLog(config.log, { terminal, command: 'node', version });
    const deps = { clock: systemClock, log };
    const path = dataFolder(config.data).nodeIdentity;
    const { identity, coordinator } = await remoteMembership(
      deps,
      { path, coordinator: config.coordinator, join: config.join },
      stop,
    );
    const isOrigin = await originRole(identity, config.origin);
    const { startNode } = await import('../../node.ts');
    const { SessionLink } = await import('../../coordinator-link/session-link.ts');
    const metrics = new Metrics();
    metrics.collectProcess();
    const { random } = Math;
    await runUntilStopped(
      deps,
      {
        drainMs: config.drainMs,
        start: async (resources) => {
          const accessLines = config.registry.accessLog ? resources.use(openStdoutLines()) : undefined;
          const node = resources.use(
            await startNode(config, {
              ...deps,
              metrics,
              random,
              version,
              identity,
              isOrigin,
              accessLines,
              makeLink: (hello) => new SessionLink({ ...deps, metrics, random, identity }, { coordinator, hello }),
            }),
          );
          const read = (): Promise<NodeConfig> => readConfig(NodeConfig);
          const apply = (next: NodeConfig): void => node.tune(next);
          resources.use(reloadSettings({ log, onReload, read, apply }, { schema: NodeConfig, config }));
          const { nodeId, httpAddress } = node;
          log.info({ node: nodeId, http: httpAddress, swarm: node.swarmAddress, coordinator }, 'node started');
          terminal.out(startText({ nodeId, scheme: node.scheme, registry: clientHost(httpAddress) }));
        },
      },
      stop,
    );
    return 0;
  },
};

function startText(about: { readonly nodeId: string; readonly scheme: string; readonly registry: string }): string {
  const { nodeId, scheme, registry } = about;
  return [
    `Shoal node ${nodeId} is running: registry at ${scheme}://${registry}`,
    '',
    `  docker pull ${registry}/NAME:TAG`,
    `  docker push ${registry}/NAME:TAG`,
    '',
  ].join('\n');
}
