// Coordinator and origin node in one process.

import { dataFolder } from '../../shared/runtime/data-folder.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { openStdoutLines, type Logger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import type { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { RunningNode, NodeDeps } from '../node.ts';
import { startOwnCoordinator } from './coordinator-start.ts';
import { originRole, ownMembership } from './node-membership.ts';
import type { UpConfig } from './up-config.ts';

/**
 * Starts both, the node joined to the coordinator in memory. What was started goes to `resources`, which close it.
 * @throws {AppError} `config_invalid` when a folder or an address cannot be used.
 */
export async function startFleetOfOne(
  config: UpConfig,
  deps: { readonly clock: Clock; readonly log: Logger; readonly version: string; readonly resources: ResourceStack },
): Promise<RunningNode> {
  const { log, resources } = deps;
  const metrics = new Metrics(); // apart from the coordinator's: each has its own page
  // But for dashboards made for the reference registry, which is one process with one page.
  const referenceMetrics = config.registry.referenceMetrics ? metrics : undefined;
  const coordinator = resources.use(await startOwnCoordinator(config, { ...deps, referenceMetrics }));
  const identity = await ownMembership(deps, {
    path: dataFolder(config.data).nodeIdentity,
    fleetId: coordinator.fleetId,
    knowsNode: (nodeId) => coordinator.knowsNode(nodeId),
    enrol: (request) => coordinator.enrolOwn(request),
  });
  const { startNode } = await import('../node.ts');
  metrics.collectProcess();
  const { random } = Math;
  const makeLink: NodeDeps['makeLink'] = (hello) => coordinator.linkInProcess({ nodeId: identity.nodeId, hello });
  const isOrigin = await originRole(identity, config.origin);
  const accessLines = config.registry.accessLog ? resources.use(openStdoutLines()) : undefined;
  const node = resources.use(
    await startNode(config, { ...deps, metrics, random, identity, isOrigin, makeLink, accessLines }),
  );
  log.info({ node: node.nodeId, http: node.httpAddress, swarm: node.swarmAddress }, 'node started');
  return node;
}
