// The programs and their settings, for the documents that list them.

import { CoordinatorConfig } from '../coordinator/config.ts';
import { NodeConfig } from '../node/config.ts';
import { settingsOf, type Setting } from '../shared/runtime/settings.ts';

/** A program and the settings it takes. */
export interface ProgramSettings {
  readonly title: string;
  readonly settings: readonly Setting[];
}

/** In the order of the documents. */
export const programSettings: readonly ProgramSettings[] = [
  { title: 'Settings of a node', settings: settingsOf(NodeConfig) },
  { title: 'Settings of a coordinator', settings: settingsOf(CoordinatorConfig) },
];
