// How the command line on the coordinator's own host reaches the running coordinator: its address and an
// administrator's certificate, in one private file that the coordinator writes when it listens.

import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { AppError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

const AdminAccess = Type.Object(
  {
    /** `host:port` at which the coordinator can be reached from this host. */
    address: Type.String(),
    fleetId: Type.String(),
    cert: Type.String(),
    key: Type.String(),
    ca: Type.String(),
  },
  { additionalProperties: false },
);
export type AdminAccess = Readonly<Static<typeof AdminAccess>>;

/** Replaces the file. To be called once the coordinator listens and whenever the administrator's certificate is new. */
export async function writeAdminAccess(path: string, access: AdminAccess): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(access, undefined, 2)}\n`);
}

/** @returns undefined when absent. @throws {AppError} `config_invalid` when it is not such a file. */
export async function readAdminAccess(path: string, log: Logger): Promise<AdminAccess | undefined> {
  const text = await readPrivateFile(path, log);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Check(AdminAccess, value)) return value;
  } catch {
    // Not JSON is the same to the reader as JSON of another shape: said below.
  }
  throw new AppError('config_invalid', `${path} is damaged; it is written anew when the coordinator starts`);
}
