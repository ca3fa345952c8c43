// `shoal token create`

import Type from 'typebox';
import {
  DEFAULT_TOKEN_TTL_MS,
  MAX_TOKEN_TTL_MS,
  MAX_TOKEN_USES,
  TokenResponse,
} from '../../../shared/protocol/admin-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { count, duration } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { showCount, showDuration } from '../human-units.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Flags = Type.Object(
  {
    ttl: duration({
      default: DEFAULT_TOKEN_TTL_MS,
      minimum: 1000,
      maximum: MAX_TOKEN_TTL_MS,
      description: 'How long the token is good for.',
    }),
    uses: count({ default: 1, minimum: 1, maximum: MAX_TOKEN_USES, description: 'How many hosts it lets in.' }),
  },
  { additionalProperties: false },
);

export const tokenCreateCommand: Command = {
  words: ['token', 'create'],
  summary: 'print a token that lets a new host join the fleet',
  about: ['Prints a join token, one line on stdout. A host needs it once, on its first start.', ADMIN_HOST_NOTE],
  examples: [
    {
      does: 'A token for one host, good for a day:',
      line: 'shoal token create',
    },
    {
      does: 'Use it there (10.0.0.5 is the host of the coordinator):',
      line: 'shoal node --coordinator 10.0.0.5:5100 --join TOKEN',
    },
    {
      does: 'One token for a hundred hosts that are set up this week:',
      line: 'shoal token create --uses 100 --ttl 7d',
    },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const { ttl, uses } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const body = { ttlMs: ttl, uses };
    const answer = await call({ method: 'POST', path: '/api/tokens', body, answer: TokenResponse });
    terminal.out(`${answer.token}\n`);
    if (terminal.isAttended) {
      const life = showDuration(answer.expiresAtMs - systemClock.wallMs());
      terminal.say(
        `lets in ${showCount(uses, 'host')} within ${life}; there: shoal node --coordinator HOST:PORT --join TOKEN\n`,
      );
    }
    return 0;
  },
};
