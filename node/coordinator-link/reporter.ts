// Tells the coordinator how this host is: what it holds, how much room it has, what it downloads. For `shoal status`.

import type { CoordinatorLink, NodeReport, PeerLinks } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { SwarmSource } from '../content/swarm-source.ts';
import { freeInSteps } from './free-in-steps.ts';

/** Pause between two reports: a person who watches sees progress; ten thousand idle nodes say nothing, since only news is sent. */
const REPORT_EVERY_MS = 2_000;
/** Downloads in one report, as many as it may hold; the rest is not shown. */
const MAX_DOWNLOADS = 100;

export interface ReporterDeps {
  readonly link: CoordinatorLink;
  readonly blobs: Pick<BlobStore, 'usage'>;
  readonly swarm: Pick<SwarmSource, 'downloads'>;
  /** Open connections to peers. */
  readonly links: () => PeerLinks;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Starts reporting. Disposing stops it. */
export function keepReporting(deps: ReporterDeps): AsyncDisposable {
  const stopping = new AbortController();
  let lastSent = '';
  const stopListening = deps.link.listen({
    onConnected: () => {
      lastSent = ''; // the new session knows nothing yet
    },
  });
  const reportOnce = async (): Promise<void> => {
    if (!deps.link.isConnected) return;
    const report = await makeReport(deps);
    const text = JSON.stringify(report);
    if (text === lastSent) return;
    await deps.link.call('node.report', report, stopping.signal);
    lastSent = text;
  };
  const running = repeat(deps, reportOnce, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopListening();
      stopping.abort();
      await running;
    },
  };
}

async function repeat(deps: ReporterDeps, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await act();
      await deps.clock.sleep(REPORT_EVERY_MS, signal);
    } catch (err) {
      if (signal.aborted) return;
      deps.log.debug({ err }, 'could not report to the coordinator; reporting again later');
      await deps.clock.sleep(REPORT_EVERY_MS, signal).catch(() => undefined); // only stopping ends a sleep
    }
  }
}

async function makeReport({ blobs, swarm, links }: ReporterDeps): Promise<NodeReport> {
  const { blobCount, blobBytes, freeBytes } = await blobs.usage();
  const downloads = swarm.downloads().slice(0, MAX_DOWNLOADS);
  return {
    blobCount,
    blobBytes,
    freeBytes: freeInSteps(freeBytes),
    downloads: downloads.map(({ digest, sizeBytes, doneBytes, peers }) => ({ digest, sizeBytes, doneBytes, peers })),
    links: links(),
  };
}
