// What the coordinator says of a blob: how it is cut and who has it.

import type { Digest } from '../../shared/oci/digest.ts';
import { parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import type { CoordinatorLink, Peer } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';

/** Wait before the coordinator is asked again after it could not be. */
const RETRY_MS = 300;

/**
 * Asks until the coordinator answers.
 * @throws {AppError} `blob_unavailable` when it knows no such blob; the signal's reason.
 */
export async function locateBlob(
  deps: { readonly link: CoordinatorLink; readonly clock: Clock },
  blob: { readonly digest: Digest; readonly sizeBytes: number },
  signal: AbortSignal,
): Promise<{ readonly table: PieceTable; readonly neighbours: readonly Peer[] }> {
  const { digest, sizeBytes } = blob;
  for (;;) {
    try {
      const { table, neighbours } = await deps.link.call('blob.locate', { digest }, signal);
      if (table === undefined) throw new AppError('blob_unavailable', 'the fleet does not know this blob');
      if (table.sizeBytes !== sizeBytes) {
        const detail = { wanted: sizeBytes, known: table.sizeBytes };
        throw new AppError('blob_unavailable', 'the fleet knows this blob with another size', { detail });
      }
      return { table: parsePieceTable(table), neighbours };
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error, 'coordinator_unreachable', 'timed_out')) throw error;
      await deps.clock.sleep(RETRY_MS, signal);
    }
  }
}
