// The settings of a coordinator as a test writes them: the rest are defaults.

import { Check, Default, Errors } from 'typebox/value';
import { CoordinatorConfig } from '../../coordinator/config.ts';

/** @throws {Error} naming every setting that is wrong. */
export function coordinatorConfig(settings: object): CoordinatorConfig {
  const value: unknown = Default(CoordinatorConfig, structuredClone(settings));
  if (Check(CoordinatorConfig, value)) return Object.freeze(value);
  const lines = Errors(CoordinatorConfig, value).map((error) => `${error.instancePath}: ${error.message}`);
  throw new Error(`the settings of the test coordinator are wrong:\n${lines.join('\n')}`);
}
