// What a registry configuration says of our settings, for the commands of the registry program.

import type { Given } from '../../shared/runtime/config-loader.ts';
import type { RegistryConfig } from '../registry-config/read-registry-config.ts';

/** By key; our own settings win over them. */
export function givenBy({ settings }: RegistryConfig): ReadonlyMap<string, Given> {
  return new Map(settings.map(({ key, raw, source }): [string, Given] => [key, { raw, source }]));
}
