// `shoal pulls`

import Type from 'typebox';
import { CoordinatorConfig } from '../../../coordinator/config.ts';
import { PullDetail, PullList } from '../../../shared/protocol/pull-report.ts';
import { dataSetting, logSettings } from '../../../shared/runtime/base-settings.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { createLogger } from '../../../shared/runtime/log.ts';
import { address, count, onOff } from '../../../shared/runtime/settings.ts';
import { NodeConfig } from '../../config.ts';
import type { Command } from '../command.ts';
import { askNode, nodeTarget } from '../node-access.ts';
import { chooseFormat } from '../log-format.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { renderPull, renderPulls } from '../pulls-view.ts';

const Settings = Type.Object(
  {
    data: dataSetting,
    log: logSettings,
    http: Type.Optional(address({ description: 'Another node: where its registry API listens.' })),
  },
  { additionalProperties: false },
);

const Flags = Type.Object(
  {
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
    limit: count({ default: 20, minimum: 1, maximum: 1000, description: 'How many to list.' }),
  },
  { additionalProperties: false },
);

export const pullsCommand: Command = {
  words: ['pulls'],
  summary: 'show what this host pulled lately, from which peers, and why it took so long',
  about: [
    'Lists what the node of this host fetched from other hosts, the newest first, each with the reason for the time that it took. With the ID of one of them it shows that one in detail: bytes by peer, waits by blob. What clients read from the disk of this host is not listed.',
    'It finds the node by its data folder, and is let in by what lies there: run it as the user that the node runs as. Where the registry has no users, anybody on the host may ask, with --http.',
    'A node keeps these reports for a week, for a thousand blobs at most, also across restarts.',
  ],
  examples: [
    { does: 'The last pulls, each with its ID:', line: 'shoal pulls' },
    { does: 'All about one of them:', line: 'shoal pulls 17' },
    {
      does: 'Pulls of more than ten seconds, in a script:',
      line: `shoal pulls --json | jq '.pulls[] | select(.tookMs > 10000) | .verdict.text'`,
    },
  ],
  operands: [{ name: 'ID', isRequired: false }],
  flags: flagsOf(Flags),
  settings: () => Promise.resolve({ schema: Settings, defaults: {}, alsoKnown: [NodeConfig, CoordinatorConfig] }),
  async run(invocation) {
    const { terminal, stop } = invocation;
    const [id] = invocation.operands;
    const { json, limit } = await readOwnFlags(Flags, invocation);
    const config = await invocation.config(Settings);
    const log = createLogger({ level: config.log.level, format: chooseFormat(config.log.format, terminal) });
    const target = await nodeTarget({ log }, config);
    const deps = { clock: systemClock };
    // Another program may cut what it gets; a terminal would fold the lines into each other.
    const columns = terminal.isInteractive ? terminal.size().columns : Number.MAX_SAFE_INTEGER;
    if (id === undefined) {
      const list = await askNode(deps, target, { path: `/pulls?limit=${limit}`, answer: PullList }, stop);
      if (list === undefined)
        throw new AppError('message_invalid', `the node at ${target.address} keeps no reports; is it older?`);
      terminal.out(json ? jsonText(list) : renderPulls(list, columns));
      return 0;
    }
    if (!/^\d{1,15}$/.test(id)) throw new AppError('config_invalid', `"${id}" is no ID; \`shoal pulls\` lists them`);
    const pull = await askNode(deps, target, { path: `/pulls/${id}`, answer: PullDetail }, stop);
    if (pull === undefined) {
      throw new AppError('blob_unknown', `there is no report ${id}, or not any more; \`shoal pulls\` lists them`);
    }
    terminal.out(json ? jsonText(pull) : renderPull(pull, columns));
    return 0;
  },
};

function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
