// A change as an event of the reference registry (distribution, "notifications/event.go"), in the envelope that its receivers know.
// Pure. Versions 1 and 2 of the envelope differ in their media type alone.

import type { Descriptor } from '../../shared/oci/manifest.ts';
import { present } from '../../shared/runtime/present.ts';
import type { Occasion, RegistryChange } from '../changes/registry-change.ts';

/** What a manifest names is told up to so many entries, the rest is left out: no image has as many, and events stay below 128 KiB. */
export const MAX_REFERENCES = 500;

/** Media type of the envelope by version. */
export const ENVELOPE_TYPES = {
  v1: 'application/vnd.docker.distribution.events.v1+json',
  v2: 'application/vnd.docker.distribution.events.v2+json',
} as const;

/** The JSON of one event, as it is posted: an envelope that holds it alone, as the original sends them. */
export function envelopeText(
  change: RegistryChange,
  occasion: Occasion,
  options: { readonly eventId: string; readonly includeReferences: boolean },
): string {
  const { by, nodeId, atMs } = occasion;
  const event = {
    id: options.eventId,
    timestamp: new Date(atMs).toISOString(),
    action: change.action,
    target: targetOf(change, { baseUrl: by.baseUrl, includeReferences: options.includeReferences }),
    request: {
      id: by.requestId,
      addr: by.address,
      host: by.host,
      method: by.method,
      useragent: by.userAgent,
    },
    actor: by.user === '' ? {} : { name: by.user },
    source: { addr: by.registry, instanceID: nodeId },
  };
  return JSON.stringify({ events: [event] });
}

function targetOf(
  change: RegistryChange,
  options: { readonly baseUrl: string; readonly includeReferences: boolean },
): object {
  const { action, kind, repository, digest, tag, mediaType, sizeBytes, fromRepository, references } = change;
  const { baseUrl, includeReferences } = options;
  // What is gone has no link, and a tag that is gone no digest.
  const hasUrl = action !== 'delete' && digest !== undefined && baseUrl !== '';
  const path = kind === 'blob' ? 'blobs' : 'manifests';
  return {
    ...present('mediaType', mediaType),
    ...present('size', sizeBytes),
    ...present('digest', digest),
    ...present('length', sizeBytes),
    repository,
    ...present('fromRepository', fromRepository),
    ...(hasUrl ? { url: `${baseUrl}/v2/${repository}/${path}/${digest}` } : {}),
    ...present('tag', tag),
    ...(includeReferences && references !== undefined
      ? { references: references.slice(0, MAX_REFERENCES).map(descriptorOf) }
      : {}),
  };
}

function descriptorOf({ mediaType, digest, sizeBytes }: Descriptor): object {
  return { mediaType, size: sizeBytes, digest };
}
