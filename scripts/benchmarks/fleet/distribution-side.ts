// What both sides of the comparison look like to the bench: something that was pushed to, and from which hosts pull.

import type { NetworkHost } from '../../../test/support/host-network.ts';
import type { HostAgent, LayerFile } from './host-agent.ts';

/** A host of the bench and the client on it. */
export interface BenchHost {
  readonly network: NetworkHost;
  readonly agent: HostAgent;
}

/** The hosts by their part in the play. */
export interface BenchHosts {
  readonly pullers: readonly BenchHost[];
  /** Where the image is kept: the origin, or the central registry. */
  readonly source: BenchHost;
  /** Runs the coordinator, and nothing else. */
  readonly control: BenchHost;
  /** Where the image is pushed, when that is not the source. */
  readonly pusher: BenchHost | undefined;
}

/** Disposing ends all its programs. */
export interface DistributionSide extends AsyncDisposable {
  /** Puts the image where all hosts can pull it; returns when the registry acknowledged it. */
  push(tag: string, layers: readonly LayerFile[], signal: AbortSignal): Promise<void>;
  /** The registry that hosts pull from, as they see it: `http://host:port`. */
  readonly registry: string;
  /** Ends what runs on a host besides its client, without a word to anybody. */
  kill(hostIndex: number): void;
}

/** Where the bench keeps its images. */
export const REPOSITORY = 'bench/image';
