// Sections that this version does not have. They are errors, never overlooked: who sets them relies on what they do.

import { NOT_SUPPORTED } from '../not-supported.ts';
import { refused } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';

/** `notifications` */
export const notificationsSection: RegistrySection = {
  keys: [refused('notifications', NOT_SUPPORTED)],
};
