// `shoal version`

import { PEER_PROTOCOL } from '../../../shared/protocol/peer-frames.ts';
import { SESSION_PROTOCOL } from '../../../shared/protocol/coordinator-methods.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import type { Command } from '../command.ts';

export const versionCommand: Command = {
  words: ['version'],
  summary: 'print the version and the protocol numbers',
  about: [
    'Prints the version of this program, and the numbers of the protocols that its nodes and its coordinator speak.',
  ],
  examples: [],
  flags: [{ name: 'json', description: 'One JSON document, for programs.' }],
  async run({ terminal, flags }) {
    const version = await readProgramVersion();
    if (flags['json'] === true) {
      terminal.out(`${JSON.stringify({ version, sessionProtocol: SESSION_PROTOCOL, peerProtocol: PEER_PROTOCOL })}\n`);
    } else {
      terminal.out(`shoal ${version}\nsession protocol ${SESSION_PROTOCOL}\npeer protocol ${PEER_PROTOCOL}\n`);
    }
    return 0;
  },
};
