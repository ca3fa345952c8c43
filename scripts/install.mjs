// Installs the packages and nothing else; `npm ci` with the help that a compiled addon may need.

import { ensureInstalled, runScript } from './setup.mjs';

await runScript(ensureInstalled);
