// A node that speaks to a coordinator of the test over a session of its own, as another host does.

import { SessionLink } from '../../node/coordinator-link/session-link.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { silentLogger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { enrolTestNode, helloOf, LinkedNode, type TestCoordinator, type TestNode } from './test-coordinator.ts';

/** Waits until it has its session. The caller disposes it. */
export async function connectNode(
  coordinator: TestCoordinator,
  name: string,
  options: Parameters<typeof helloOf>[1] = {},
  node: TestNode = enrolTestNode(coordinator.running, name),
): Promise<LinkedNode> {
  const { fleetId, port } = coordinator.running;
  const identity = { nodeId: node.nodeId, fleetId, tls: () => node.tls };
  const deps = { clock: systemClock, log: silentLogger, metrics: new Metrics(), random: Math.random, identity };
  const link = new SessionLink(deps, { coordinator: `127.0.0.1:${port}`, hello: helloOf(name, options) });
  return LinkedNode.connect(node.nodeId, link);
}
