// What a download needs of the parts around it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore, PartialStore } from '../content/blob-store.ts';
import type { BlobChannels } from './blob-channels.ts';
import type { BackgroundShare } from './caps/background-share.ts';
import type { BlobLocator } from './blob-locator.ts';
import type { DownloadSlots } from './download-slots.ts';
import type { PeerReports } from './peer-reports.ts';
import type { Peers } from './peers.ts';
import type { SharedBlobs } from './shared-blobs.ts';
import type { SmallBlobs } from './small-blobs.ts';
import type { SwarmMetrics } from './swarm-metrics.ts';
import type { TransferLimiter } from './transfer-limiter.ts';

/** One set for all downloads of a node. */
export interface DownloadDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SwarmMetrics;
  readonly random: () => number;
  readonly link: CoordinatorLink;
  readonly locator: BlobLocator;
  readonly reports: PeerReports;
  readonly store: Pick<BlobStore, 'open'>;
  readonly partials: PartialStore;
  readonly blobs: SharedBlobs;
  readonly peers: Peers;
  readonly channels: BlobChannels;
  readonly small: SmallBlobs;
  readonly slots: DownloadSlots;
  /** The caps on what this node receives. */
  readonly downloads: TransferLimiter;
  readonly share: BackgroundShare;
  readonly onAdopted: (digest: Digest, sizeBytes: number) => void;
}
