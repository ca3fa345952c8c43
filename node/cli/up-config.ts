// The settings of coordinator and node together, for a fleet that begins as one process.

import Type, { type Static } from 'typebox';
import { CoordinatorConfig } from '../../coordinator/config.ts';
import { NodeConfig } from '../config.ts';

/** All settings of both, but those by which a node finds a coordinator elsewhere. */
const { coordinator: _coordinator, join: _join, ...nodeSettings } = NodeConfig.properties;
export const UpConfig = Type.Object(
  { ...nodeSettings, ...CoordinatorConfig.properties },
  { additionalProperties: false },
);
export type UpConfig = Readonly<Static<typeof UpConfig>>;
