// `shoal token create`

import Type from 'typebox';
import { CoordinatorConfig } from '../../../coordinator/config.ts';
import {
  DEFAULT_TOKEN_TTL_MS,
  MAX_TOKEN_TTL_MS,
  MAX_TOKEN_USES,
  TokenResponse,
} from '../../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { dataSetting, logSettings } from '../../../shared/runtime/base-settings.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { createLogger } from '../../../shared/runtime/log.ts';
import { count, duration } from '../../../shared/runtime/settings.ts';
import { NodeConfig } from '../../config.ts';
import type { Command } from '../command.ts';
import { adminTarget, withAdvice } from '../fleet-access.ts';
import { showCount, showDuration } from '../human-units.ts';
import { chooseFormat } from '../log-format.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Settings = Type.Object({ data: dataSetting, log: logSettings }, { additionalProperties: false });

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
  about: [
    'Prints a join token, one line on stdout. A host needs it once, on its first start.',
    "Run it on the coordinator's host, as the user that the coordinator runs as: it uses a certificate in the data folder.",
  ],
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
  settings: () => Promise.resolve({ schema: Settings, defaults: {}, alsoKnown: [NodeConfig, CoordinatorConfig] }),
  async run(invocation) {
    const { terminal, stop } = invocation;
    const { ttl, uses } = await readOwnFlags(Flags, invocation);
    const config = await invocation.config(Settings);
    const log = createLogger({ level: config.log.level, format: chooseFormat(config.log.format, terminal) });
    const target = await adminTarget(config.data, log);
    const call = { method: 'POST', path: '/api/tokens', body: { ttlMs: ttl, uses }, answer: TokenResponse } as const;
    const answer = await callCoordinator({ clock: systemClock }, target, call, stop).catch((error: unknown) => {
      throw withAdvice(error, 'Is it running? Start it with `shoal up` or `shoal coordinator`');
    });
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
