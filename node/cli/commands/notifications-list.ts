// `shoal notifications list`

import Type from 'typebox';
import { MAX_DELIVERY_PAGE, NotificationPage } from '../../../shared/protocol/notifications-api.ts';
import { choice, count, onOff, text } from '../../../shared/runtime/settings.ts';
import { ADMIN_HOST_NOTE, callSettings, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { renderNotifications } from '../notifications-view.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Flags = Type.Object(
  {
    endpoint: Type.Optional(text({ placeholder: 'NAME', description: 'Deliveries to this endpoint alone.' })),
    state: Type.Optional(
      choice({
        choices: ['waiting', 'delivered', 'failed', 'dropped'],
        description: 'Deliveries in this state alone: failed ones were given up, dropped ones found their queue full.',
      }),
    ),
    limit: count({ default: 20, minimum: 1, maximum: MAX_DELIVERY_PAGE, description: 'How many at most, the newest.' }),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

export const notificationsListCommand: Command = {
  words: ['notifications', 'list'],
  summary: 'tell which receivers get events, and what became of each',
  about: [
    'Lists the endpoints that events are posted to, with how many wait for each, and the delivery log: what was sent, how often it was tried, what the receiver answered.',
    'PAUSED is how long an endpoint is left alone since it cannot be reached; its events are kept meanwhile.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'What did not arrive?', line: 'shoal notifications list --state failed' },
    { does: 'How many wait, in a script:', line: `shoal notifications list --json | jq '.endpoints[].waiting'` },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { json, limit, ...conditions } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const query = new URLSearchParams({ ...conditions, limit: String(limit) }).toString();
    const page = await call({ method: 'GET', path: `/api/notifications?${query}`, answer: NotificationPage });
    invocation.terminal.out(json ? `${JSON.stringify(page, undefined, 2)}\n` : renderNotifications(page));
    return 0;
  },
};
