// Every key of a registry configuration and what becomes of it, in the order of the document. Each section is a file.

import type { RegistrySection } from './registry-section.ts';
import { authSection } from './sections/auth.ts';
import { httpSection } from './sections/http.ts';
import { healthSection } from './sections/health.ts';
import { httpTlsSection } from './sections/http-tls.ts';
import { logSection } from './sections/log.ts';
import { pagingSection } from './sections/paging.ts';
import { storageSection } from './sections/storage.ts';
import { proxySection } from './sections/proxy.ts';
import { notificationsSection } from './sections/notifications.ts';
import { validationSection } from './sections/validation.ts';
import { versionSection } from './sections/version.ts';
import { withoutEffectSection } from './sections/without-effect.ts';

export const REGISTRY_SECTIONS: readonly RegistrySection[] = [
  versionSection,
  logSection,
  storageSection,
  authSection,
  httpSection,
  httpTlsSection,
  notificationsSection,
  healthSection,
  proxySection,
  validationSection,
  pagingSection,
  withoutEffectSection,
];
