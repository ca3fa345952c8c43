// `npx tsx scripts/registry-settings.ts`: writes docs/registry-settings.md, every key of a registry configuration. With
// --check it only says whether the file is up to date.

import { REGISTRY_SECTIONS } from '../node/registry-config/registry-sections.ts';
import { registrySettingsDocument } from './registry-settings-document.ts';
import { writeOrCheck } from './written-document.ts';

const text = registrySettingsDocument(REGISTRY_SECTIONS);
await writeOrCheck({ file: 'docs/registry-settings.md', text, madeBy: 'scripts/registry-settings.ts' });
