// What follows when this host has adopted a blob for a repository: others are told, then the coordinator records it.

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Requester } from '../../shared/protocol/requester.ts';
import type { AdoptedBlob } from './blob-store.ts';
import type { KnownIndex } from './known-index.ts';

export interface RecordDeps {
  readonly link: Pick<CoordinatorLink, 'call'>;
  readonly known: Pick<KnownIndex, 'rememberBlob'>;
  /** Told of every blob that was adopted, before the coordinator answers. */
  readonly onAdopted: (blob: AdoptedBlob) => void;
}

/** The repository holds the blob when it resolves. Under the digest's shared lock (digest-locks.ts). */
export async function recordBlob(
  { link, known, onAdopted }: RecordDeps,
  adopted: { readonly repository: string; readonly blob: AdoptedBlob; readonly by?: Requester | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { repository, blob, by } = adopted;
  onAdopted(blob);
  const added = { repository, digest: blob.digest, table: blob.table };
  await link.call('blob.add', by === undefined ? added : { ...added, by }, signal);
  known.rememberBlob(repository, blob.digest, blob.sizeBytes);
}
