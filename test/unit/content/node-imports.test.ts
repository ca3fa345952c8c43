// Imports of blobs that do not come to their end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkedBody } from '../../../node/content/body.ts';
import type { UploadId } from '../../../node/content/blob-store.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { NodeImports } from '../../../node/content/node-imports.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { createLogger } from '../../../shared/runtime/log.ts';
import { FakeLink } from '../../support/fake-link.ts';

const id = 'an upload' as string as UploadId;
const digest = digestOf(Buffer.from('a'));
const unused = (): Promise<never> => Promise.reject(new Error('is not used here'));

/** Imports whose uploads fail, and are thrown away as `cancel` does. */
function failing(cancel: () => Promise<void>): { readonly imports: NodeImports; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const imports = new NodeImports({
    link: new FakeLink({}),
    log: createLogger({ level: 'debug', format: 'json', sink: { write: (line) => void lines.push(line) } }),
    known: { rememberBlob: () => undefined },
    onAdopted: () => undefined,
    locks: new DigestLocks(),
    files: { adopt: unused },
    manifests: { push: unused },
    uploads: {
      begin: () => Promise.resolve(id),
      finish: () => Promise.reject(new AppError('digest_mismatch', 'it is another blob')),
      cancel,
    },
  });
  return { imports, lines };
}

for (const [what, error, said] of [
  ['is gone already', new AppError('upload_unknown', 'no such upload'), 0],
  ['cannot be thrown away', new Error('the disk is gone'), 1],
] as const) {
  test(`An import that fails tells why it failed when its upload ${what}; what is left behind is in the log`, async () => {
    const { imports, lines } = failing(() => Promise.reject(error));

    const receiving = imports.receive(
      { repository: 'a', digest },
      { body: chunkedBody(emptyBody()) },
      new AbortController().signal,
    );

    await assert.rejects(receiving, (failure) => isAppError(failure, 'digest_mismatch'));
    assert.equal(lines.filter((line) => line.includes('could not be thrown away')).length, said);
  });
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {
  yield* [];
}
