// `npx tsx scripts/settings.ts`: writes docs/settings.md, every setting of both programs. With --check it only says
// whether the file is up to date.

import { programSettings } from './program-settings.ts';
import { settingsDocument } from './settings-document.ts';
import { writeOrCheck } from './written-document.ts';

const text = settingsDocument(programSettings);
await writeOrCheck({ file: 'docs/settings.md', text, madeBy: 'scripts/settings.ts' });
