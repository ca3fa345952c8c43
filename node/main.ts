// The shoal program.

import { COMMANDS } from './cli/commands.ts';
import { runProcess } from './cli/run-process.ts';

await runProcess({ name: 'shoal', commands: COMMANDS });
