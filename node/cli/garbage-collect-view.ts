// The lines of the original's garbage-collect, so that scripts that read those go on working. Pure.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CollectionResult, CollectionState } from '../../shared/protocol/collection-api.ts';

/** A manifest that is kept, with the blobs that it names. */
export interface MarkedManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly blobs: readonly Digest[];
}

/** The lines of one manifest. @param before the one that was told before. */
export function markingLines(manifest: MarkedManifest, before: MarkedManifest | undefined): string {
  const { repository, digest, blobs } = manifest;
  const lines = before?.repository === repository ? [] : [repository];
  lines.push(`${repository}: marking manifest ${digest} `); // with a space at its end, as the original has it
  for (const blob of blobs) lines.push(`${repository}: marking blob ${blob}`);
  return `${lines.join('\n')}\n`;
}

/** What was found, after the marking. @param options.isDryRun what goes is then still counted in `kept`. */
export function eligibleLines(
  { manifests, blobs }: CollectionResult,
  kept: CollectionState['kept'],
  options: { readonly isDryRun: boolean; readonly isQuiet: boolean },
): string {
  const { isDryRun, isQuiet } = options;
  const going = isDryRun ? manifests.count + blobs.count : 0;
  // To the original a manifest is a blob too.
  const marked = Math.max(0, kept.manifests + kept.blobs - going);
  const lines = isQuiet ? [] : manifests.named.map(({ digest }) => `manifest eligible for deletion: ${digest}`);
  lines.push('', `${marked} blobs marked, ${blobs.count} blobs and ${manifests.count} manifests eligible for deletion`);
  if (!isQuiet) {
    for (const { digest } of blobs.named) lines.push(`blob eligible for deletion: ${digest}`);
    const unnamed = manifests.count - manifests.named.length + blobs.count - blobs.named.length;
    if (unnamed > 0) lines.push(`… and ${unnamed} more`);
  }
  return `${lines.join('\n')}\n`;
}
