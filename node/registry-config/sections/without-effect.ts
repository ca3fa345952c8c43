// Sections that are accepted whole and have no effect, and old ones that are gone.

import { ignored, refused } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';

/** `middleware`, `redis`, `policy`, `reporting`, `compatibility` */
export const withoutEffectSection: RegistrySection = {
  keys: [
    ignored('middleware', 'any', 'Nothing is handed to other stores or networks for delivery.'),
    ignored('redis', 'any', 'No cache outside of the process is needed.'),
    ignored('policy.repository', 'any', 'Plugins are kept like every other content.'),
    ignored('reporting', 'any', 'Nothing is reported to services of others.'),
    refused(
      'compatibility.schema1',
      'manifests of schema 1 are not supported; push such images again with a docker of this decade',
    ),
  ],
};
