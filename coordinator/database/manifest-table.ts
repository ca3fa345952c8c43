// Manifests: bytes once, presence per repository, what each names, and the index of referrers.

import type { Database, Statement } from 'better-sqlite3';
import type { Digest } from '../../shared/oci/digest.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A manifest on its way into a repository. */
export interface NewManifest extends StoredManifest {
  /** Every blob and manifest that it names. */
  readonly targets: readonly Digest[];
  readonly subject?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Referrer {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly artifactType: string | null;
  /** JSON, kept as it will be sent. */
  readonly annotations: string | null;
}

/** A referrer that a repository holds. */
export interface HeldReferrer extends Referrer {
  /** True for a copy of an upstream's, false for what was pushed. */
  readonly isCopy: boolean;
}

interface HeldRow extends Referrer {
  readonly isCopy: number;
}

interface Row {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** One manifest of one repository. */
export interface RepositoryManifest {
  readonly repositoryId: number;
  readonly repository: string;
  readonly digest: Digest;
}

export class ManifestTable {
  readonly #byTag: Statement<[number, string], Row>;
  readonly #ofRepository: Statement<[number], Row>;
  readonly #byDigest: Statement<[number, string], Row>;
  readonly #isPresent: Statement<[number, string], { present: number }>;
  readonly #insertBytes: Statement<[string, Uint8Array]>;
  readonly #insertReference: Statement<[string, string]>;
  readonly #upsert: Statement<[number, string, string, number, string | null, string | null, string | null]>;
  readonly #remove: Statement<[number, string]>;
  readonly #removeBytes: Statement<[string, string]>;
  readonly #after: Statement<[string, string, string, number], RepositoryManifest>;
  readonly #count: Statement<[], { count: number }>;
  readonly #referrers: Statement<[number, string, string], HeldRow>;

  constructor(db: Database) {
    const columns = `SELECT r.digest AS digest, r.media_type AS mediaType, m.bytes AS bytes`;
    this.#byTag = db.prepare(`${columns} FROM tags t
      JOIN repository_manifests r ON r.repository_id = t.repository_id AND r.digest = t.digest
      JOIN manifests m ON m.digest = r.digest WHERE t.repository_id = ? AND t.tag = ?`);
    this.#byDigest = db.prepare(`${columns} FROM repository_manifests r
      JOIN manifests m ON m.digest = r.digest WHERE r.repository_id = ? AND r.digest = ?`);
    this.#ofRepository = db.prepare(`${columns} FROM repository_manifests r
      JOIN manifests m ON m.digest = r.digest WHERE r.repository_id = ? ORDER BY r.digest`);
    this.#isPresent = db.prepare(
      'SELECT 1 AS present FROM repository_manifests WHERE repository_id = ? AND digest = ?',
    );
    this.#insertBytes = db.prepare(
      'INSERT INTO manifests (digest, bytes) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING',
    );
    this.#insertReference = db.prepare(
      'INSERT INTO manifest_references (manifest, target) VALUES (?, ?) ON CONFLICT DO NOTHING',
    );
    this.#upsert = db.prepare(`INSERT INTO repository_manifests
      (repository_id, digest, media_type, size_bytes, subject, artifact_type, annotations) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = excluded.media_type, subject = excluded.subject,
        artifact_type = excluded.artifact_type, annotations = excluded.annotations`);
    this.#remove = db.prepare('DELETE FROM repository_manifests WHERE repository_id = ? AND digest = ?');
    this.#removeBytes = db.prepare(`DELETE FROM manifests WHERE digest = ?
      AND NOT EXISTS (SELECT 1 FROM repository_manifests WHERE digest = ?)`);
    this.#after = db.prepare(`SELECT r.repository_id AS repositoryId, n.name AS repository, r.digest AS digest
      FROM repositories n JOIN repository_manifests r ON r.repository_id = n.id
      WHERE n.name >= ? AND (n.name > ? OR r.digest > ?) ORDER BY n.name, r.digest LIMIT ?`);
    this.#count = db.prepare('SELECT count(*) AS count FROM repository_manifests');
    this.#referrers = db.prepare(`SELECT r.digest AS digest, media_type AS mediaType, size_bytes AS sizeBytes,
      artifact_type AS artifactType, annotations, c.digest IS NOT NULL AS isCopy FROM repository_manifests r
      LEFT JOIN cached_manifests c ON c.repository_id = r.repository_id AND c.digest = r.digest
      WHERE r.repository_id = ? AND subject = ? AND r.digest > ? ORDER BY r.digest`);
  }

  byTag(repositoryId: number, tag: string): StoredManifest | undefined {
    return this.#byTag.get(repositoryId, tag);
  }

  byDigest(repositoryId: number, digest: Digest): StoredManifest | undefined {
    return this.#byDigest.get(repositoryId, digest);
  }

  /** Every manifest of a repository, in order of digest. */
  ofRepository(repositoryId: number): StoredManifest[] {
    return this.#ofRepository.all(repositoryId);
  }

  isPresent(repositoryId: number, digest: string): boolean {
    return this.#isPresent.get(repositoryId, digest) !== undefined;
  }

  /** Makes a manifest present in a repository; the same bytes again change nothing but the media type. */
  put(repositoryId: number, manifest: NewManifest): void {
    const { digest, mediaType, bytes, subject, artifactType, annotations } = manifest;
    if (this.#insertBytes.run(digest, bytes).changes > 0) {
      for (const target of manifest.targets) this.#insertReference.run(digest, target);
    }
    const annotationsText = annotations === undefined ? null : JSON.stringify(annotations);
    this.#upsert.run(
      repositoryId,
      digest,
      mediaType,
      bytes.byteLength,
      subject ?? null,
      artifactType ?? null,
      annotationsText,
    );
  }

  /** Takes a manifest out of a repository, its tags being gone already; the bytes go with the last repository. */
  remove(repositoryId: number, digest: Digest): boolean {
    const isRemoved = this.#remove.run(repositoryId, digest).changes > 0;
    this.#removeBytes.run(digest, digest);
    return isRemoved;
  }

  /** Manifests of all repositories in order of their names and digests, from behind the one that is named. */
  after(last: { readonly repository: string; readonly digest: string }, limit: number): RepositoryManifest[] {
    return this.#after.all(last.repository, last.repository, last.digest, limit);
  }

  /** How many manifests repositories hold, one in two repositories counted twice. */
  count(): number {
    return this.#count.get()?.count ?? 0;
  }

  /** Referrers of `subject` after the digest `last`, in order of digest; read only as far as the caller goes. */
  *referrers(repositoryId: number, subject: string, last: string): IterableIterator<HeldReferrer> {
    for (const row of this.#referrers.iterate(repositoryId, subject, last)) yield { ...row, isCopy: row.isCopy === 1 };
  }
}
