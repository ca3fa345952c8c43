// `validation`

import { asSetting, mapped, refused, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

const PATTERNS =
  'Patterns like `^https?://([^/]+\\.)*example\\.com/`: what a URL begins with, or all of it with a `$`. Other regular expressions are an error.';

export const validationSection: RegistrySection = {
  keys: [
    mapped('validation.disabled', 'switch', ['registry.layerUrls'], {
      default: 'false',
      about: 'With true layers may name any URL. What a manifest names must be in its repository all the same.',
    }),
    mapped('validation.enabled', 'switch', ['registry.layerUrls'], { about: 'The older word, for the opposite.' }),
    asSetting('validation.manifests.urls.allow', 'list', 'registry.allowedLayerUrls', {
      default: '[]',
      about: `Without it a manifest whose layers name URLs is refused. ${PATTERNS}`,
    }),
    asSetting('validation.manifests.urls.deny', 'list', 'registry.deniedLayerUrls', { default: '[]', about: PATTERNS }),
    mapped('validation.manifests.indexes.platforms', 'text', [], {
      default: 'all',
      about: 'all is the only one: an index names only what is there.',
    }),
    refused(
      'validation.manifests.indexes.platformlist',
      'not supported: an index names only what is there, for every platform',
    ),
  ],
  settings: (values, problems) => {
    const key = 'validation.manifests.indexes.platforms';
    const platforms = values.text(key);
    if (platforms !== undefined && platforms !== 'all') {
      problems.push(`${values.source(key)}: only all is supported: an index names only what is there`);
    }
    return layerUrls(values);
  },
};

function layerUrls(values: RegistryValues): readonly GivenSetting[] {
  const isDisabled = values.flag('validation.disabled');
  const isEnabled = values.flag('validation.enabled');
  const isOff = isDisabled ?? (isEnabled === undefined ? undefined : !isEnabled);
  if (isOff === undefined) return [];
  const key = isDisabled === undefined ? 'validation.enabled' : 'validation.disabled';
  return [{ key: 'registry.layerUrls', raw: isOff ? 'any' : 'listed', source: values.source(key) }];
}
