// A node as others may dial it.

import Type, { type Static } from 'typebox';
import { LABEL_PATTERN } from '../runtime/label.ts';
import { NoiseKey } from './rendezvous.ts';
import { Address, NodeId, object } from './value-shapes.ts';

/** Where a host stands; absent for hosts that do not say. */
export const Label = Type.String({ pattern: LABEL_PATTERN });

/**
 * A node as others may dial it.
 * @property zone absent for nodes without one, which are a zone of their own.
 * @property noiseKey by which hyperswarm finds it; absent when it does not use that.
 */
export const Peer = object({
  nodeId: NodeId,
  address: Address,
  isOrigin: Type.Boolean(),
  zone: Type.Optional(Label),
  noiseKey: Type.Optional(NoiseKey),
});
export type Peer = Readonly<Static<typeof Peer>>;
