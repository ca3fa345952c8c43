// The rules of the registry API, held against the program itself.

import { testRegistry } from '../contract/registry/registry-suite.ts';
import { startSingleHost } from '../support/single-host.ts';

testRegistry(async () => startSingleHost());
