// Manifests that nothing leads to: no tag, no index and no subject of their repository.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

export interface UntaggedManifest {
  readonly repositoryId: number;
  readonly repository: string;
  readonly digest: Digest;
}

export class UntaggedManifestTable {
  readonly #find: Statement<[number, number, number], UntaggedManifest>;
  readonly #last: Statement<[], { lastId: number }>;
  readonly #spare: Statement<[number, number, string]>;
  readonly #release: Statement<[number, string]>;

  constructor(db: Database) {
    this.#find = db.prepare(`SELECT r.repository_id AS repositoryId, n.name AS repository, r.digest AS digest
      FROM repository_manifests r JOIN repositories n ON n.id = r.repository_id
      WHERE r.id > ? AND r.id <= ? AND r.pending_until_ms <= ?
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository_id = r.repository_id AND t.digest = r.digest)
        AND NOT EXISTS (SELECT 1 FROM manifest_references x JOIN repository_manifests p
          ON p.repository_id = r.repository_id AND p.digest = x.manifest WHERE x.target = r.digest)
        AND (r.subject IS NULL OR NOT EXISTS (SELECT 1 FROM repository_manifests s
          WHERE s.repository_id = r.repository_id AND s.digest = r.subject))
      ORDER BY r.id`);
    this.#last = db.prepare('SELECT coalesce(max(id), 0) AS lastId FROM repository_manifests');
    this.#spare = db.prepare(
      'UPDATE repository_manifests SET pending_until_ms = ? WHERE repository_id = ? AND digest = ?',
    );
    this.#release = db.prepare(`UPDATE repository_manifests SET pending_until_ms = 0 WHERE repository_id = ?
      AND digest IN (SELECT target FROM manifest_references WHERE manifest = ?)`);
  }

  /** Those within a window of row ids, and the highest id there is. One that came lately is spared until its time. */
  within(
    window: { readonly afterId: number; readonly untilId: number },
    nowMs: number,
  ): { readonly found: readonly UntaggedManifest[]; readonly lastId: number } {
    const found = this.#find.all(window.afterId, window.untilId, nowMs);
    return { found, lastId: this.#last.get()?.lastId ?? 0 };
  }

  /** Spares a manifest until then, tag or no tag; 0: not any more. */
  spare(repositoryId: number, digest: Digest, untilMs: number): void {
    this.#spare.run(untilMs, repositoryId, digest);
  }

  /** An index came: its entries belong to it, and go with it. */
  settleChildren(repositoryId: number, index: Digest): void {
    this.#release.run(repositoryId, index);
  }
}
