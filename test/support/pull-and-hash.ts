// Pulling a blob on a host of a fleet in namespaces, with the host's own programs.

import type { FleetNode } from './fleet.ts';

/**
 * Pulls a blob with the host's own curl and lets its own sha256sum judge; gives the digest of what arrived.
 * @param repository has a manifest tagged v1 that names the blob: asking for it is what gives the node leave to serve it.
 */
export async function pullAndHash(node: FleetNode, repository: string, digest: string): Promise<string> {
  await node.registry.pullManifest(repository, 'v1');
  const url = `http://localhost:5000/v2/${repository}/blobs/${digest}`;
  const script = `set -o pipefail; curl --silent --show-error --fail ${url} | sha256sum`;
  const output = await node.host.run(['bash', '-c', script], { timeoutMs: 300_000 });
  return `sha256:${output.slice(0, 64)}`;
}
