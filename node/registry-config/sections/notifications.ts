// `notifications`

import { present } from '../../../shared/runtime/present.ts';
import { asSetting, mapped, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

const ENDPOINTS = ['notifications.endpoints'];

export const notificationsSection: RegistrySection = {
  keys: [
    asSetting('notifications.events.includereferences', 'switch', 'notifications.includeReferences', {
      default: 'false',
    }),
    mapped('notifications.endpoints[].name', 'text', ENDPOINTS, {
      about: 'Events are kept on disk until they are delivered, for a day at most (notifications.retryForMs).',
    }),
    mapped('notifications.endpoints[].disabled', 'switch', ENDPOINTS, { default: 'false' }),
    mapped('notifications.endpoints[].url', 'text', ENDPOINTS, {
      isSecret: true,
      about: 'Redirects are not followed, as they might carry headers elsewhere.',
    }),
    mapped('notifications.endpoints[].headers', 'lists', ENDPOINTS, { isSecret: true }),
    mapped('notifications.endpoints[].timeout', 'duration', ENDPOINTS, {
      default: '1s',
      about: 'Without it 5 s.',
    }),
    mapped('notifications.endpoints[].threshold', 'count', ENDPOINTS, { default: '10' }),
    mapped('notifications.endpoints[].backoff', 'duration', ENDPOINTS, {
      default: '1s',
      about: 'Doubles with each further failure, up to a minute.',
    }),
    mapped('notifications.endpoints[].ignoredmediatypes', 'list', ENDPOINTS),
    mapped('notifications.endpoints[].ignore.mediatypes', 'list', ENDPOINTS),
    mapped('notifications.endpoints[].ignore.actions', 'list', ENDPOINTS),
  ],
  variableNames: { 'notifications.events': 'EVENTCONFIG' },
  settings: (values) => endpoints(values),
};

function endpoints(values: RegistryValues): readonly GivenSetting[] {
  const raw = values.items('notifications.endpoints').map(endpointOf);
  if (raw.length === 0) return [];
  return [{ key: 'notifications.endpoints', raw, source: values.source('notifications.endpoints') }];
}

/** As in the original, a time or a number of 0 stands for the default. */
function endpointOf(item: RegistryValues): object {
  const mediaTypes = [...(item.list('ignoredmediatypes') ?? []), ...(item.list('ignore.mediatypes') ?? [])];
  return {
    ...present('name', item.text('name')),
    ...present('url', item.text('url')),
    ...present('disabled', item.flag('disabled')),
    ...(item.has('headers') ? { headers: Object.fromEntries(item.lists('headers')) } : {}),
    ...present('timeoutMs', item.number('timeout') || undefined),
    ...present('threshold', item.number('threshold') || undefined),
    ...present('backoffMs', item.number('backoff') || undefined),
    ...(mediaTypes.length === 0 ? {} : { ignoredMediaTypes: mediaTypes }),
    ...present('ignoredActions', item.list('ignore.actions')),
  };
}
