// `shoal status`

import Type from 'typebox';
import { FleetStatus } from '../../../shared/protocol/admin-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import type { Command } from '../command.ts';
import { openMemberCalls, callSettings } from '../coordinator-calls.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { renderStatus } from '../status-view.ts';
import { watchStatus } from '../status-watch.ts';

const Flags = Type.Object(
  {
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
    watch: onOff({ default: false, description: 'Stay, and show it anew every two seconds. Ctrl-C ends.' }),
  },
  { additionalProperties: false },
);

export const statusCommand: Command = {
  words: ['status'],
  summary: 'show the fleet: nodes, roles, health, blobs, running downloads',
  about: [
    'Shows the fleet as the coordinator sees it. Works on every host of the fleet; --data is the data folder of the node or coordinator there.',
  ],
  examples: [
    { does: 'Watch a release arrive everywhere:', line: 'shoal status --watch' },
    {
      does: 'Nodes that are not connected, in a script:',
      line: `shoal status --json | jq '.nodes[] | select(.state == "lost")'`,
    },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal, stop } = invocation;
    const { json, watch } = await readOwnFlags(Flags, invocation);
    if (watch && json) throw new AppError('config_invalid', 'choose one of --watch and --json');
    if (watch && !terminal.isInteractive)
      throw new AppError('config_invalid', '--watch needs a terminal; programs use --json');
    const call = await openMemberCalls(
      invocation,
      "The registry on this host may work all the same; look at the coordinator's own log",
    );
    const read = (): Promise<FleetStatus> => call({ method: 'GET', path: '/api/status', answer: FleetStatus });
    if (watch) {
      await watchStatus({ clock: systemClock, terminal, read }, stop);
      return 0;
    }
    const status = await read();
    const { columns } = terminal.size();
    // Another program may cut what it gets; a terminal would fold the lines into each other.
    const text = renderStatus(status, { columns: terminal.isInteractive ? columns : Number.MAX_SAFE_INTEGER });
    terminal.out(json ? `${JSON.stringify(status, undefined, 2)}\n` : text);
    return 0;
  },
};
