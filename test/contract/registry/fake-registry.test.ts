// The registry API over content in memory: what is tested here is HTTP, not storage.

import { listenRegistry } from '../../support/registry-listener.ts';
import { testRegistry } from './registry-suite.ts';

testRegistry(() => listenRegistry());
