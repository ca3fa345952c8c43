// What a look for unreachable content found, in the lines that `registry garbage-collect` prints, so that scripts that read
// those go on working. Pure.

import type { CollectionResult, CollectionState } from '../../shared/protocol/collection-api.ts';
import { showBytes, showCount } from './human-units.ts';

/** The result, line by line. @param options.isQuiet leaves out single manifests and blobs. */
export function renderCollection(
  result: CollectionResult,
  options: { readonly kept: CollectionState['kept']; readonly isQuiet: boolean },
): string {
  const { manifests, blobs } = result;
  const lines: string[] = [];
  lines.push(
    `${showCount(options.kept.blobs, 'blob')} marked, ${showCount(blobs.count, 'blob')} and ${showCount(manifests.count, 'manifest')} eligible for deletion`,
  );
  if (!options.isQuiet) {
    for (const { repository, digest } of manifests.named)
      lines.push(`manifest eligible for deletion: ${repository}@${digest}`);
    for (const { digest } of blobs.named) lines.push(`blob eligible for deletion: ${digest}`);
    const unnamed = manifests.count - manifests.named.length + blobs.count - blobs.named.length;
    if (unnamed > 0) lines.push(`… and ${unnamed} more`);
  }
  return `${lines.join('\n')}\n`;
}

/** One sentence on what hosts have done, and what is left to them. */
export function renderRemoval(result: CollectionResult, removing: CollectionState['removing']): string {
  const { blobs } = result;
  if (blobs.count === 0) return 'nothing to delete\n';
  const told = `${showBytes(blobs.bytes)} in ${showCount(blobs.count, 'blob')} given up`;
  if (removing.files === 0) return `${told}; every host has deleted its files\n`;
  if (removing.filesWithinReach === 0) {
    return `${told}; hosts that are away still have ${showCount(removing.files, 'file')} and delete them when they return\n`;
  }
  return `${told}; ${showCount(removing.filesWithinReach, 'file')} are still being deleted, see \`shoal gc --dry-run\` or the metrics\n`;
}
