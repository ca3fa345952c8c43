// Loads hyperswarm when somebody wants it and not before. Its compiled parts come ready-made for glibc, macOS and Windows;
// where they do not load (Alpine, a registry mirror without them) everything else goes on without.

import type BlindRelay from 'blind-relay';
import type HyperDHT from 'hyperdht';
import type Hyperswarm from 'hyperswarm';

/** The classes of the packages. */
export interface HyperswarmPackages {
  readonly HyperDHT: typeof HyperDHT;
  readonly Hyperswarm: typeof Hyperswarm;
  readonly blindRelay: typeof BlindRelay;
}

export type LoadedHyperswarm =
  | { readonly type: 'loaded'; readonly packages: HyperswarmPackages }
  /** @property reason why, for a log and for status. */
  | { readonly type: 'unavailable'; readonly reason: string };

/** Gives the packages, or says why they cannot be had on this host. Never rejects. */
export async function loadHyperswarm(): Promise<LoadedHyperswarm> {
  try {
    const [dht, swarm, relay] = await Promise.all([import('hyperdht'), import('hyperswarm'), import('blind-relay')]);
    const packages = { HyperDHT: dht.default, Hyperswarm: swarm.default, blindRelay: relay.default };
    return { type: 'loaded', packages };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [firstLine = ''] = text.split('\n');
    return { type: 'unavailable', reason: firstLine.slice(0, 200) };
  }
}
