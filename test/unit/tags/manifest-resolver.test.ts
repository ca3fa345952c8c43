import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FleetDatabase } from '../../../coordinator/database/fleet-database.ts';
import { ManifestResolver } from '../../../coordinator/tags/manifest-resolver.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { PieceTable } from '../../../shared/pieces/piece-table.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const BLOB = digestOf(Buffer.from('blob'));
const MANIFESTS = ['one', 'two'].map((text) => {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPE, bytes, targets: [BLOB] };
});
const REFERENCES = [{ tag: 'v1' }, ...MANIFESTS.map(({ digest }) => ({ digest }))];

type Act = 'push' | 'untag' | 'drop' | 'add blob' | 'remove blob' | 'replace table' | 'push in vain';

const tableOf = (sizeBytes: number): PieceTable => ({ sizeBytes, pieceBytes: 1 << 20, hashes: Buffer.alloc(32) });

/** Applies one act to the index. */
function apply(database: FleetDatabase, act: Act, which: number): void {
  const { repositories, manifests, tags, blobs, repositoryBlobs } = database;
  const manifest = MANIFESTS[which] ?? assert.fail();
  const { digest } = manifest;
  const push = (): void => {
    const repositoryId = repositories.ensure('app');
    manifests.put(repositoryId, manifest);
    tags.move({ repositoryId, tag: 'v1', digest, atMs: 1 });
  };
  const repositoryId = repositories.find('app') ?? -1;
  const blobId = blobs.find(BLOB)?.blobId ?? -1;
  switch (act) {
    case 'push':
      return database.change('commit_manifest', push);
    case 'push in vain':
      return assert.throws(() =>
        database.change('commit_manifest', () => {
          push();
          throw new Error('no copies');
        }),
      );
    case 'untag':
      return database.change('delete_manifest', () => void tags.remove(repositoryId, 'v1', 2));
    case 'drop':
      return database.change('delete_manifest', () => {
        for (const tag of tags.tagsOf(repositoryId, digest)) tags.remove(repositoryId, tag, 2);
        manifests.remove(repositoryId, digest);
      });
    case 'add blob':
      return database.change('add_blob', () =>
        repositoryBlobs.add(repositories.ensure('app'), blobs.find(BLOB)?.blobId ?? blobs.insert(BLOB, tableOf(4))),
      );
    case 'remove blob':
      return database.change('remove_blob', () => repositoryBlobs.remove(repositoryId, blobId));
    case 'replace table':
      return database.change('announce', () => blobs.replaceTable(BLOB, tableOf(5 + which)));
    default: {
      const never: never = act;
      return never;
    }
  }
}

test('What is kept of answers is never older than the index', () => {
  const acts = fc.constantFrom<Act[]>(
    'push',
    'untag',
    'drop',
    'add blob',
    'remove blob',
    'replace table',
    'push in vain',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(acts, fc.integer({ min: 0, max: 1 })), { maxLength: 12 }), (steps) => {
      using database = FleetDatabase.open(':memory:', { metrics: new Metrics() });
      const resolver = new ManifestResolver({ database });
      for (const [act, which] of steps) {
        apply(database, act, which);
        for (const reference of REFERENCES) {
          const question = { repository: 'app', reference };
          const answer = resolver.resolve(question);
          assert.deepEqual(answer, new ManifestResolver({ database }).resolve(question), `${act}: read anew`);
          if (answer.found) assert.equal(resolver.resolve(question), answer, 'asked again, it is not read again');
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('More answers than may be kept are all right', () => {
  using database = FleetDatabase.open(':memory:', { metrics: new Metrics() });
  const resolver = new ManifestResolver({ database });
  const tags = Array.from({ length: 1100 }, (_, index) => `v${index}`);
  apply(database, 'push', 0);
  database.change('commit_manifest', () => {
    const repositoryId = database.repositories.ensure('app');
    for (const tag of tags) database.tags.move({ repositoryId, tag, digest: MANIFESTS[0]?.digest ?? BLOB, atMs: 1 });
  });
  for (const tag of [...tags, ...tags]) {
    const answer = resolver.resolve({ repository: 'app', reference: { tag } });
    assert.equal(answer.found && answer.digest, MANIFESTS[0]?.digest);
  }
});
