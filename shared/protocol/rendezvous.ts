// Shapes of where the nodes of a fleet find each other without the coordinator.

import Type, { type Static } from 'typebox';
import { Address, object, type DeepReadonly } from './value-shapes.ts';

/** A public key of hyperswarm or the topic of a fleet there, as text. */
export const NoiseKey = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Addresses of DHT nodes that one list holds at most. */
export const MAX_BOOTSTRAP = 16;
export const Bootstrap = Type.Array(Address, { minItems: 1, maxItems: MAX_BOOTSTRAP });

/** Where the nodes of a fleet find each other without the coordinator; see node/swarm/hyperswarm/. */
export const Rendezvous = object({
  /** `IPv4:port` of DHT nodes that are always there: the coordinator's and those of stable nodes. */
  bootstrap: Bootstrap,
  topic: NoiseKey,
  /** For two nodes that cannot reach each other at all; they keep to its rate by themselves, or are cut off. */
  relay: Type.Optional(object({ noiseKey: NoiseKey, address: Address, bytesPerSecond: Type.Integer({ minimum: 1 }) })),
});
export type Rendezvous = DeepReadonly<Static<typeof Rendezvous>>;
