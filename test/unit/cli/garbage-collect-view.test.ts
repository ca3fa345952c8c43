import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eligibleLines, markingLines } from '../../../node/cli/garbage-collect-view.ts';
import { digestOf } from '../../../shared/oci/digest.ts';

const one = digestOf(Buffer.from('1'));
const two = digestOf(Buffer.from('2'));

test('What is kept is told as the original tells it, the repository once', () => {
  const first = { repository: 'team/app', digest: one, blobs: [two] };

  assert.equal(
    markingLines(first, undefined),
    `team/app\nteam/app: marking manifest ${one} \nteam/app: marking blob ${two}\n`,
  );
  assert.equal(markingLines({ ...first, blobs: [] }, first), `team/app: marking manifest ${one} \n`);
});

test('What goes is named and counted; in a dry run it is still among what is there', () => {
  const result = {
    manifests: { count: 1, named: [{ repository: 'team/app', digest: one }] },
    blobs: { count: 3, bytes: 5, named: [{ digest: two, sizeBytes: 5 }] },
  };
  const kept = { repositories: 1, manifests: 4, blobs: 10 };

  assert.equal(
    eligibleLines(result, kept, { isDryRun: true, isQuiet: false }),
    `manifest eligible for deletion: ${one}\n\n10 blobs marked, 3 blobs and 1 manifests eligible for deletion\nblob eligible for deletion: ${two}\n… and 2 more\n`,
  );
  assert.equal(
    eligibleLines(result, kept, { isDryRun: false, isQuiet: true }),
    '\n14 blobs marked, 3 blobs and 1 manifests eligible for deletion\n',
  );
});
