// The rules of the registry API on the wire, against any registry that keeps them.

import { testBlobRules } from './blob-rules.ts';
import { testListRules } from './list-rules.ts';
import { testManifestContentRules } from './manifest-content-rules.ts';
import { testManifestRules } from './manifest-rules.ts';
import { testPathRules } from './path-rules.ts';
import type { OpenRegistry } from './registry-under-test.ts';
import { testUploadRules } from './upload-rules.ts';

/**
 * Defines all tests. Deletion must be switched on, presence of content checked, and access open.
 * @param open starts a registry; each group of tests opens one of its own.
 */
export function testRegistry(open: OpenRegistry): void {
  testPathRules(open);
  testBlobRules(open);
  testUploadRules(open);
  testManifestRules(open);
  testManifestContentRules(open);
  testListRules(open);
}
