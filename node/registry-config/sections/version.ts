// `version`

import { mapped } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';

export const versionSection: RegistrySection = {
  keys: [mapped('version', 'text', [], { about: 'Must be 0.1, the only one that there is.' })],
  settings: (values, problems) => {
    const version = values.text('version');
    if (version !== undefined && version !== '0.1') problems.push(`${values.source('version')}: write 0.1`);
    return [];
  },
};
