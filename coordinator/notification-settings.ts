// Settings of notifications: who is told of pushes, pulls, mounts and deletes.

import Type from 'typebox';
import { choice, count, duration, onOff, structure, text } from '../shared/runtime/settings.ts';
import { WantedEndpoints } from './notifications/endpoint.ts';

const HOUR_MS = 3_600_000;

export const notificationSettings = Type.Object(
  {
    endpoints: structure(WantedEndpoints, {
      default: [],
      isSecret: true,
      example:
        '[{"name":"ci","url":"https://ci.example/events","headers":{"Authorization":["Bearer …"]},"ignoredActions":["pull"]}]',
      description:
        'Where events are posted to, in the form of the reference registry. Of each also `timeoutMs`, `threshold`, `backoffMs`, `ignoredMediaTypes`, `disabled`, `secret`; see operations.md. Not reloadable: outbox and couriers are made for the endpoints of the start; what waits is kept over a restart.',
    }),
    secret: Type.Optional(
      text({
        isSecret: true,
        description: 'Signs what is posted to endpoints that have no `secret` of their own: HMAC-SHA256.',
      }),
    ),
    mediaType: choice({
      choices: ['v1', 'v2'],
      default: 'v1',
      description:
        'Version that is named in the media type of events: v1 as registry:2 does, v2 as registry:3 does. Their content is the same.',
    }),
    includeReferences: onOff({
      default: false,
      description: 'Whether an event of a manifest tells what that names. Off, as in the reference registry.',
    }),
    queueLimit: count({
      default: 10_000,
      minimum: 10,
      maximum: 1_000_000,
      description:
        'Events that wait for one endpoint. When it is full pulls are dropped first, and of them, as of the rest, the oldest. Ten thousand: a day of a busy team while a receiver is away, and 10 MB.',
    }),
    retryForMs: duration({
      default: 24 * HOUR_MS,
      minimum: 1000,
      maximum: 30 * 24 * HOUR_MS,
      description:
        'An event that was tried for so long is given up at its next failure, and stays in the delivery log. A day: who looks after a receiver sees it by then.',
    }),
    logEntries: count({
      default: 1000,
      minimum: 10,
      maximum: 100_000,
      description: 'Ended deliveries of one endpoint that are kept to look at and to send again; the oldest go first.',
    }),
    logAgeMs: duration({
      default: 7 * 24 * HOUR_MS,
      minimum: 60_000,
      maximum: 365 * 24 * HOUR_MS,
      description: 'How long they are kept. A week: until Monday.',
    }),
  },
  { default: {}, additionalProperties: false },
);
