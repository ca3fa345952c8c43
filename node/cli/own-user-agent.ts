// What a command says of itself to the coordinator and to the node on this host: for their audit log.

import { userInfo } from 'node:os';
import { readProgramVersion } from '../../shared/runtime/program-version.ts';

/** `shoal/1.2.3 (alice)`: the account of this host that the command runs as. Nobody checks it; who may call at all is decided otherwise. */
export async function ownUserAgent(): Promise<string> {
  return `shoal/${await readProgramVersion()} (${accountName()})`;
}

/** In a container the account may have a number alone. */
function accountName(): string {
  try {
    return userInfo().username.replaceAll(/[^\x21-\x7e]/g, '?');
  } catch {
    return String(process.getuid?.() ?? 'unknown'); // no such number in /etc/passwd
  }
}
