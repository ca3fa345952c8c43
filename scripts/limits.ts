// `npx tsx scripts/limits.ts`: writes docs/limits.md, every limit of the code with its rule. With --check it only says
// whether the file is up to date.

import { findLimits, limitsDocument } from './limits-document.ts';
import { programSettings } from './program-settings.ts';
import { readSources } from './repository-files.ts';
import { writeOrCheck } from './written-document.ts';

const limits = findLimits(await readSources(['node', 'coordinator', 'shared']));
const text = limitsDocument(limits, programSettings);
await writeOrCheck({ file: 'docs/limits.md', text, madeBy: 'scripts/limits.ts' });
