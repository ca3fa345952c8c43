// How commands on a node's own host reach it: where it listens and a secret, in one private file that it writes when it starts.

import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { parseJson } from '../runtime/json-answer.ts';
import type { Logger } from '../runtime/log.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

const NodeAccess = Type.Object(
  {
    scheme: Type.Union([Type.Literal('http'), Type.Literal('https')]),
    /** `host:port` of its settings. */
    listen: Type.String(),
    /** The same with the port that was taken. */
    address: Type.String(),
    /** For `Authorization: Bearer`, good until it stops. */
    secret: Type.String(),
  },
  { additionalProperties: false },
);
export type NodeAccess = Readonly<Static<typeof NodeAccess>>;

export async function writeNodeAccess(path: string, access: NodeAccess): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(access, undefined, 2)}\n`);
}

/** @returns undefined when there is none that this user can read: then it does without. */
export async function readNodeAccess(path: string, log: Logger): Promise<NodeAccess | undefined> {
  const text = await readPrivateFile(path, log).catch(() => undefined); // of another user
  const value = text === undefined ? undefined : parseJson(text);
  return Check(NodeAccess, value) ? value : undefined;
}
