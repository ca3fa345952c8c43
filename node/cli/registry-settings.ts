// What a registry configuration says of our settings, for the commands of the registry program.

import type { Given } from '../../shared/runtime/config-loader.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { RegistryConfig } from '../registry-config/read-registry-config.ts';

/** By key; our own settings win over them. */
export function givenBy({ settings }: RegistryConfig): ReadonlyMap<string, Given> {
  return new Map(settings.map(({ key, raw, source }): [string, Given] => [key, { raw, source }]));
}

/**
 * A wrong setting that is found out only at the start is told by our name for it; people wrote a key or a variable, which
 * this adds. Any other error comes back as it is.
 */
export function withTheirNames(error: unknown, { settings }: RegistryConfig): unknown {
  if (!isAppError(error, 'config_invalid')) return error;
  const words = new Set(error.message.split(/[^\w.-]+/).map((word) => word.replace(/\.$/, '')));
  const named = settings.flatMap(({ key, source }) => {
    // A key without a dot is an ordinary word too, so it counts as a flag alone.
    const name = key.includes('.') ? key : `--${key}`;
    return words.has(name) && !error.message.includes(source) ? [`${name} is set by ${source}`] : [];
  });
  if (named.length === 0) return error;
  return new AppError(error.code, `${error.message} (${named.join(', ')})`, { cause: error });
}
