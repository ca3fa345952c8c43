// `catalog` and `tags`

import { asSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';

export const pagingSection: RegistrySection = {
  keys: [
    asSetting('catalog.maxentries', 'count', 'registry.maxRepositories', {
      default: '1000',
      about:
        'A larger `n` gets 400, as in the original; with `registry.largerCatalogPages: cut` this many, and a link to the rest.',
    }),
    asSetting('tags.maxtags', 'count', 'registry.maxTags', { default: '1000' }),
  ],
};
