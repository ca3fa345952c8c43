import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';
import { blobStoreContract } from './blob-store-contract.ts';
import { partialStoreContract } from './partial-store-contract.ts';
import type { StoreUnderTest } from './store-under-test.ts';
import { uploadStoreContract } from './upload-store-contract.ts';

for (const contract of [blobStoreContract, partialStoreContract, uploadStoreContract]) {
  contract('The store on disk', openStoreOnDisk);
}

async function openStoreOnDisk(): Promise<StoreUnderTest> {
  const folder = await openTemporaryFolder('store');
  const { blobs, partials, uploads, ...store } = await openTestStore({ folder: folder.path });
  return {
    blobs,
    partials,
    uploads,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
