// Images pushed to the nodes of a composed fleet, and what came to the nodes.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { FleetNode } from './composed-fleet.ts';
import { eventually } from './eventually.ts';
import { exchange } from './http-exchange.ts';
import { digestText, EMPTY_CONFIG, OCI_MANIFEST, RegistryWire } from './registry-wire.ts';

/** An image of one layer. */
export async function pushImage(
  node: FleetNode,
  image: { readonly name: string; readonly tag: string; readonly layer: Buffer },
): Promise<{ readonly digest: string; readonly layerDigest: string }> {
  const wire = new RegistryWire(node.baseUrl);
  const layerDigest = digestText(image.layer);
  for (const blob of [image.layer, Buffer.from('{}')]) {
    const path = `/v2/${image.name}/blobs/uploads/?digest=${digestText(blob)}`;
    const answer = await wire.send('POST', path, { body: blob, headers: { 'content-length': String(blob.length) } });
    assert.equal(answer.status, 201, answer.body.toString());
  }
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layerDigest, size: image.layer.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY_CONFIG, layers: [layer] });
  const answer = await wire.send('PUT', `/v2/${image.name}/manifests/${image.tag}`, {
    body,
    headers: { 'content-type': OCI_MANIFEST },
  });
  assert.equal(answer.status, 201, answer.body.toString());
  return { digest: `sha256:${createHash('sha256').update(body).digest('hex')}`, layerDigest };
}

/** Resolves when a node can serve. */
export async function ready(node: FleetNode): Promise<void> {
  const { port } = new URL(node.baseUrl);
  await eventually({ what: 'the node to be ready' }, async () => {
    const answer = await exchange({ address: { port: Number(port) } }, { method: 'GET', path: '/readyz' });
    return answer.status === 200;
  });
}

/** Payload that came to a node, in pieces that were right and new. @param zone from where; both when absent. */
export async function receivedBytes(node: FleetNode, zone?: 'own' | 'other'): Promise<number> {
  const { body } = await node.metrics.text();
  let total = 0;
  for (const [, labels = '', value] of body.matchAll(/^shoal_swarm_received_bytes_total\{([^}]*)\} (\d+)/gm)) {
    if (zone === undefined || labels.includes(`zone="${zone}"`)) total += Number(value);
  }
  return total;
}
