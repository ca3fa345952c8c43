// What clients got from this host, for those whom the coordinator tells of pulls.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Requester } from '../../shared/protocol/requester.ts';

/** A manifest or blob that was found for a client; HEAD counts as well, as in the reference registry. */
export interface PullEvent {
  readonly kind: 'manifest' | 'blob';
  readonly repository: string;
  readonly digest: Digest;
  /** When it was asked for by tag. */
  readonly tag?: string;
  readonly mediaType: string;
  /** Of all of it, whatever part was asked for. */
  readonly sizeBytes: number;
  readonly by: Requester;
}

export interface PullEvents {
  /** False while nobody wants to hear of pulls: then none need be added. */
  readonly areWanted: boolean;
  add(event: PullEvent): void;
}
