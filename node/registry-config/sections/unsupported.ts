// Sections that this version does not have. They are errors, never overlooked: who sets them relies on what they do.

import { NOT_SUPPORTED } from '../not-supported.ts';
import { refused } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';

/** `auth` */
export const authSection: RegistrySection = {
  keys: [
    {
      key: 'auth',
      kind: 'choice',
      treatment: { type: 'mapped', settings: [] },
      about: 'none is the only one in this version.',
    },
    {
      key: 'auth.none',
      kind: 'any',
      treatment: { type: 'mapped', settings: [] },
      about: 'Everybody may do everything.',
    },
    refused('auth.silly', 'not supported: it lets everybody in; write none if you mean that'),
    refused('auth.htpasswd', NOT_SUPPORTED),
    refused('auth.token', NOT_SUPPORTED),
  ],
};

/** `notifications` */
export const notificationsSection: RegistrySection = {
  keys: [refused('notifications', NOT_SUPPORTED)],
};

/** `proxy` */
export const proxySection: RegistrySection = {
  keys: [refused('proxy', NOT_SUPPORTED)],
};

/** `health` */
export const healthSection: RegistrySection = {
  keys: [refused('health', NOT_SUPPORTED)],
};

/** `validation` */
export const validationSection: RegistrySection = {
  keys: [refused('validation', NOT_SUPPORTED)],
};
