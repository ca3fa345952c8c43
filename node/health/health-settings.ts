// Settings of health checks and of the debug address.

import Type from 'typebox';
import { address, count, duration, onOff, structure, text } from '../../shared/runtime/settings.ts';
import { WantedCheck } from './kinds-of-checks.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;

/** The address for operators. */
export const debugSettings = Type.Object(
  {
    listen: Type.Optional(
      address({
        description:
          'An address of its own for /debug/health and, when wanted, metrics. None by default: whoever reaches it may take the node out of service.',
      }),
    ),
    metrics: onOff({ default: false, description: 'Metrics are shown there too.' }),
    metricsPath: text({ default: '/metrics', placeholder: 'PATH', description: 'Where metrics are shown there.' }),
  },
  { default: {}, additionalProperties: false },
);

/** Checks that take the node out of service. */
export const healthSettings = Type.Object(
  {
    storage: onOff({
      default: false,
      description: 'Answer 503 to everybody while the data folder is not there or may not be written.',
    }),
    storageIntervalMs: duration({
      default: 10 * SECOND_MS,
      minimum: 100,
      maximum: DAY_MS,
      description: 'How often that is looked at. Ten seconds, as in the reference registry.',
    }),
    storageThreshold: count({
      default: 3,
      minimum: 0,
      maximum: 1000,
      description: 'Failures in a row that count. Three, as in the image of the reference registry: one is a hiccup.',
    }),
    checks: structure(Type.Array(WantedCheck, { maxItems: 100 }), {
      default: [],
      example: '[{"type":"tcp","address":"db.example:5432"}]',
      description:
        'Further checks; while one fails everybody gets 503. Of type file (fails while it is there), http (url, status) and tcp (address), each with intervalMs and threshold.',
    }),
  },
  { default: {}, additionalProperties: false },
);
