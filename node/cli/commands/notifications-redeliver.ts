// `shoal notifications redeliver`

import Type from 'typebox';
import { RedeliverResponse } from '../../../shared/protocol/notifications-api.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { choice, onOff, text } from '../../../shared/runtime/settings.ts';
import { ADMIN_HOST_NOTE, callSettings, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { redeliveryView } from '../redelivery-view.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Flags = Type.Object(
  {
    all: Type.Optional(
      choice({ choices: ['failed', 'dropped'], description: 'All that were given up, or found their queue full.' }),
    ),
    endpoint: Type.Optional(text({ placeholder: 'NAME', description: 'To this endpoint alone.' })),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

export const notificationsRedeliverCommand: Command = {
  words: ['notifications', 'redeliver'],
  summary: 'send an event of the delivery log again, or all that failed',
  about: [
    'Puts events of the delivery log back into the queue, as if they were new: with the id and the content that they had. `shoal notifications list` shows the ids.',
    'Events that find no room in the queue stay where they are; send them again when it is shorter. The command fails when it finds no such event, or no room for any.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'One event, whatever became of it:', line: 'shoal notifications redeliver 0f8e2c1a-…' },
    { does: 'After the receiver was away for days:', line: 'shoal notifications redeliver --all failed --endpoint ci' },
  ],
  operands: [{ name: 'EVENT', isRequired: false }],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const [eventId] = invocation.operands;
    const { all, endpoint, json } = await readOwnFlags(Flags, invocation);
    if ((eventId === undefined) === (all === undefined))
      throw new AppError('config_invalid', 'say which: the id of one event, or --all failed, or --all dropped');
    const call = await openAdminCalls(invocation);
    const body = {
      ...(eventId === undefined ? {} : { eventId }),
      ...(all === undefined ? {} : { state: all }),
      ...(endpoint === undefined ? {} : { endpoint }),
    };
    const path = '/api/notifications/redeliver';
    const answer = await call({ method: 'POST', path, body, answer: RedeliverResponse });
    const { text: words, problem } = redeliveryView(answer, { eventId, state: all, endpoint });
    invocation.terminal.out(json ? `${JSON.stringify(answer)}\n` : words);
    if (problem !== undefined) throw new AppError('not_supported', problem);
    return 0;
  },
};
