// `npx tsx scripts/rules.ts`: writes docs/registry-rules.md, which says for every rule of the registry API which test
// covers it or why none does. With --check it only says whether the file is up to date.

import { REGISTRY_RULES } from '../test/support/registry-rules.ts';
import { readSources } from './repository-files.ts';
import { findCoverage, rulesDocument } from './rules-document.ts';
import { writeOrCheck } from './written-document.ts';

const text = rulesDocument(REGISTRY_RULES, findCoverage(await readSources(['test'])));
await writeOrCheck({ file: 'docs/registry-rules.md', text, madeBy: 'scripts/rules.ts' });
