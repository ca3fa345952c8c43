// The registry program: the command line of the registry container, for scripts and images that call it.

import { REGISTRY_COMMANDS } from './cli/commands.ts';
import { runProcess } from './cli/run-process.ts';

await runProcess({ name: 'registry', commands: REGISTRY_COMMANDS });
