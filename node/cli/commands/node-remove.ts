// `shoal node remove ID`

import Type from 'typebox';
import { NodeList, RemoveResponse, type NodeStatus } from '../../../shared/protocol/admin-api.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { nearest } from '../../../shared/runtime/nearest.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls, type CoordinatorCall } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { showBytes, showCount } from '../human-units.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import type { Terminal } from '../terminal.ts';

const Flags = Type.Object(
  {
    yes: onOff({ default: false, description: 'Do not ask; scripts need it.' }),
    json: onOff({ default: false, description: 'One JSON document, for programs. Needs --yes.' }),
  },
  { additionalProperties: false },
);

export const nodeRemoveCommand: Command = {
  words: ['node', 'remove'],
  summary: 'take a host out of the fleet, for good',
  about: [
    'Takes a node out of the fleet: its session ends, every other node refuses it from then on, and its copies no longer count. What is on its disk stays there. To take the host in again, delete its node.json and join with a new token; it becomes a new node and keeps its blobs.',
    'It asks before it removes.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'A host that is gone for good; `shoal status` shows its id:', line: 'shoal node remove web-3-gnmhm9' },
    { does: 'In a script:', line: 'shoal node remove web-3-gnmhm9 --yes' },
  ],
  operands: [{ name: 'ID', isRequired: true }],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const [nodeId = ''] = invocation.operands;
    const { yes, json } = await readOwnFlags(Flags, invocation);
    if (!yes && (json || !terminal.canAsk)) {
      throw new AppError('config_invalid', 'this removes a node for good; say --yes where nobody can be asked');
    }
    const call = await openAdminCalls(invocation, 'Is it running? Nothing was removed');
    const { nodes } = await call({ method: 'GET', path: '/api/nodes', answer: NodeList });
    const node = findNode(nodes, nodeId);
    if (!yes && !(await isConfirmed(terminal, node, nodes))) {
      terminal.say('nothing was removed\n');
      return EXIT.failed;
    }
    await remove(call, nodeId);
    terminal.out(json ? `${JSON.stringify({ nodeId, removed: true })}\n` : removedText(node));
    return EXIT.done;
  },
};

/** @throws {AppError} `identity_refused` with the id that may have been meant. */
function findNode(nodes: readonly NodeStatus[], nodeId: string): NodeStatus {
  const node = nodes.find((each) => each.nodeId === nodeId);
  const members = nodes.filter(({ state }) => state !== 'removed').map((each) => each.nodeId);
  if (node === undefined) {
    const meant = members.find((id) => id.startsWith(nodeId)) ?? nearest(nodeId, members);
    const hint = meant === undefined ? '`shoal status` lists them' : `did you mean ${meant}?`;
    throw new AppError('identity_refused', `there is no node ${nodeId} in the fleet; ${hint}`);
  }
  if (node.state === 'removed') throw new AppError('identity_refused', `${nodeId} was removed before`);
  return node;
}

/** The id is typed again: a `y` is typed by habit. */
async function isConfirmed(terminal: Terminal, node: NodeStatus, nodes: readonly NodeStatus[]): Promise<boolean> {
  const { nodeId, state, isOrigin, blobCount, blobBytes } = node;
  const kind = isOrigin ? 'an origin' : 'a node';
  const held = `${showCount(blobCount, 'blob')} of ${showBytes(blobBytes)}`;
  const others = nodes.filter((each) => each.isOrigin && each.state === 'connected' && each.nodeId !== nodeId).length;
  const lines = [`${nodeId} is ${kind}, ${state}, and holds ${held}. Removing it is for good.`];
  if (isOrigin && others === 0) {
    lines.push(
      '! No other origin is connected: blobs that only this one has are lost to the fleet, and pushes will wait.',
    );
  }
  terminal.say(`${lines.join('\n')}\n`);
  return (await terminal.ask('Type its id to remove it: ')) === nodeId;
}

function removedText({ nodeId, state }: NodeStatus): string {
  const host = state === 'connected' ? 'Stop shoal on that host; its' : 'Its';
  return `removed ${nodeId}; nobody of the fleet deals with it any more. ${host} data folder stays as it is.\n`;
}

async function remove(call: CoordinatorCall, nodeId: string): Promise<void> {
  await call({ method: 'DELETE', path: `/api/nodes/${encodeURIComponent(nodeId)}`, answer: RemoveResponse });
}
