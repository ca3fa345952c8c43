// The schema as a list of steps. A step that was released is never edited; a change is a new step at the end.
//
// Times are milliseconds since 1970. Digests and tags are TEXT, compared by bytes (SQLite's BINARY collation). `blobs.id` and
// `repositories.id` stand for long texts in the tables that grow with hosts times blobs.

/** Step n takes a database from version n to n + 1 (`PRAGMA user_version`). */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;

  -- Bytes are kept once, whatever number of repositories holds the manifest.
  CREATE TABLE manifests (
    digest TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;

  -- What a manifest names: blobs, and the entries of an index. Targets need not exist (external layers).
  CREATE TABLE manifest_references (
    manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
    target TEXT NOT NULL,
    PRIMARY KEY (manifest, target)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_references_by_target ON manifest_references (target);

  -- Presence is per repository, and so is the media type that a manifest was pushed with.
  CREATE TABLE repository_manifests (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL REFERENCES manifests (digest),
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    subject TEXT,
    artifact_type TEXT,
    annotations TEXT,
    UNIQUE (repository_id, digest)
  ) STRICT;
  CREATE INDEX repository_manifests_by_digest ON repository_manifests (digest);
  CREATE INDEX referrers ON repository_manifests (repository_id, subject, digest) WHERE subject IS NOT NULL;

  CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (repository_id, tag),
    FOREIGN KEY (repository_id, digest) REFERENCES repository_manifests (repository_id, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_manifest ON tags (repository_id, digest);

  -- NULL: the tag was deleted.
  CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    tag TEXT NOT NULL,
    digest TEXT,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX tag_history_by_tag ON tag_history (repository_id, tag, id);

  CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    piece_bytes INTEGER NOT NULL,
    hashes BLOB NOT NULL
  ) STRICT;

  CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id INTEGER NOT NULL REFERENCES blobs (id),
    PRIMARY KEY (repository_id, blob_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_blobs_by_blob ON repository_blobs (blob_id, repository_id);

  CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    node_id TEXT NOT NULL UNIQUE,
    swarm_address TEXT,
    version TEXT,
    is_origin INTEGER NOT NULL DEFAULT 0,
    certificate_serial TEXT NOT NULL,
    certificate_expires_ms INTEGER NOT NULL,
    joined_ms INTEGER NOT NULL,
    last_seen_ms INTEGER,
    removed_ms INTEGER
  ) STRICT;
  CREATE INDEX removed_nodes ON nodes (removed_ms) WHERE removed_ms IS NOT NULL;

  -- A whole, verified blob under its final name on a node's disk, as that node announced it.
  CREATE TABLE copies (
    node INTEGER NOT NULL REFERENCES nodes (id),
    blob_id INTEGER NOT NULL REFERENCES blobs (id),
    PRIMARY KEY (node, blob_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX copies_by_blob ON copies (blob_id, node);

  CREATE TABLE tokens (
    token_id TEXT NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    uses_left INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- Where a host stands, as it says itself; NULL when it does not.
  ALTER TABLE nodes ADD COLUMN zone TEXT;
  ALTER TABLE nodes ADD COLUMN rack TEXT;
  `,
  `
  -- Blobs of a repository that perhaps no manifest of it names, and when to look. \`reason\`: 'pushed' waits for the
  -- manifest of a push under way, 'touched' was asked for by somebody who may be about to name it, 'unlinked' lost a manifest.
  CREATE TABLE blob_reviews (
    repository_id INTEGER NOT NULL,
    blob_id INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('pushed', 'touched', 'unlinked')),
    PRIMARY KEY (repository_id, blob_id),
    FOREIGN KEY (repository_id, blob_id) REFERENCES repository_blobs (repository_id, blob_id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_reviews_by_due ON blob_reviews (due_ms);
  -- What an older version did not write down is looked at in a day.
  INSERT INTO blob_reviews SELECT repository_id, blob_id, unixepoch() * 1000 + 86400000, 'pushed' FROM repository_blobs;

  -- A manifest without a tag is spared until then: the index or the subject that it belongs to may be on its way.
  ALTER TABLE repository_manifests ADD COLUMN pending_until_ms INTEGER NOT NULL DEFAULT 0;

  -- Not NULL: no repository holds the blob, and its files are being removed from nodes.
  ALTER TABLE blobs ADD COLUMN removing_since_ms INTEGER;
  CREATE INDEX removing_blobs ON blobs (id) WHERE removing_since_ms IS NOT NULL;
  UPDATE blobs SET removing_since_ms = unixepoch() * 1000
    WHERE NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = blobs.id);

  -- Files that a node got leave to delete: they count as copies no more, and are kept here until the node says that they are gone.
  CREATE TABLE removals (
    node INTEGER NOT NULL REFERENCES nodes (id),
    blob_id INTEGER NOT NULL REFERENCES blobs (id),
    PRIMARY KEY (node, blob_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX removals_by_blob ON removals (blob_id);
  `,
  `
  -- Who did what to which repository; the oldest go first. \`user\` is empty for somebody without a login.
  CREATE TABLE audit_entries (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('push', 'pull', 'mount', 'delete')),
    kind TEXT NOT NULL CHECK (kind IN ('manifest', 'blob', 'tag')),
    repository TEXT NOT NULL,
    digest TEXT,
    tag TEXT,
    media_type TEXT,
    from_repository TEXT,
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    request_id TEXT NOT NULL,
    node_id TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_entries_by_repository ON audit_entries (repository);
  CREATE INDEX audit_entries_by_user ON audit_entries (user);
  `,
  `
  -- Who may log in at the registry. \`secret_hash\`: bcrypt of a user's password, SHA-256 in hex of a robot's secret.
  CREATE TABLE accounts (
    name TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'robot')),
    secret_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  -- \`who\` is an account, or 'anonymous' or 'authenticated'; \`actions\` are words with commas between them.
  CREATE TABLE grants (
    who TEXT NOT NULL,
    repositories TEXT NOT NULL,
    actions TEXT NOT NULL,
    PRIMARY KEY (who, repositories)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Manifests that are copies of an upstream's, and when somebody last asked for them. What is not here was pushed.
  CREATE TABLE cached_manifests (
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest),
    FOREIGN KEY (repository_id, digest) REFERENCES repository_manifests (repository_id, digest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX cached_manifests_by_use ON cached_manifests (used_ms);
  `,
  `
  -- Events for receivers of notifications: the outbox while they wait, then the delivery log; see notification-table.ts. Each
  -- is written once for each endpoint, so that every row stands for itself. \`at_ms\` is when it happened.
  CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    event_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
    queued_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tried_ms INTEGER,
    status INTEGER,
    problem TEXT,
    UNIQUE (endpoint, event_id)
  ) STRICT;
  CREATE INDEX notifications_waiting ON notifications (endpoint, id, due_ms) WHERE state = 'waiting';
  CREATE INDEX notifications_waiting_pulls ON notifications (endpoint, id) WHERE state = 'waiting' AND action = 'pull';
  CREATE INDEX notifications_ended ON notifications (endpoint, id, state, at_ms) WHERE state <> 'waiting';
  `,
  `
  -- Imports, and what is done to users, robots and rights, are in the audit log, too: of a right, \`repository\` is its pattern.
  CREATE TABLE more_audit_entries (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN
      ('push', 'pull', 'mount', 'delete', 'import', 'add', 'remove', 'password', 'grant', 'revoke')),
    kind TEXT NOT NULL CHECK (kind IN ('manifest', 'blob', 'tag', 'user', 'robot', 'right')),
    repository TEXT NOT NULL,
    digest TEXT,
    tag TEXT,
    media_type TEXT,
    from_repository TEXT,
    account TEXT,
    rights TEXT,
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    request_id TEXT NOT NULL,
    node_id TEXT NOT NULL
  ) STRICT;
  INSERT INTO more_audit_entries
    SELECT id, at_ms, action, kind, repository, digest, tag, media_type, from_repository, NULL, NULL, user, address,
      user_agent, request_id, node_id FROM audit_entries;
  DROP TABLE audit_entries;
  ALTER TABLE more_audit_entries RENAME TO audit_entries;
  CREATE INDEX audit_entries_by_repository ON audit_entries (repository);
  CREATE INDEX audit_entries_by_user ON audit_entries (user);
  `,
];
