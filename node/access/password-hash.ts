// Hashes of passwords: bcrypt, as `htpasswd -B` makes them.

import { hash } from 'bcryptjs';
import { AppError } from '../../shared/runtime/errors.ts';
import { looksLikeRobotSecret } from '../../shared/access/robot-secret.ts';

/** Hashes that can be compared with; others match no password. */
export const BCRYPT_HASH = /^\$2[aby]\$(0[4-9]|1\d|2\d|3[01])\$[./A-Za-z0-9]{53}$/;
/** Compared with when a name is not known, so that it takes as long as a wrong password. Of no password that anybody has. */
export const DUMMY_HASH = '$2b$10$H19/tggPil7Z.fyMSVyTR.Fv9mV9./xY2a7Z/357jHUM8R94bvIhi';
/** Cost of new hashes: 50 to 100 ms for whoever guesses, and for a node once in five minutes. */
const COST = 10;
/** Shorter passwords are refused: the least that NIST SP 800-63B allows. */
const MIN_PASSWORD_CHARS = 8;
/** bcrypt reads no further; what is longer would count as its beginning, so it is refused. */
const MAX_PASSWORD_BYTES = 72;

/** @throws {AppError} `config_invalid` for one that would not be safe, or could not be typed at a client. */
export async function hashPassword(password: string): Promise<string> {
  const problem = problemOf(password);
  if (problem !== undefined) throw new AppError('config_invalid', problem);
  return hash(password, COST);
}

function problemOf(password: string): string | undefined {
  if (password.length < MIN_PASSWORD_CHARS) return `the password needs ${MIN_PASSWORD_CHARS} characters at least`;
  if (Buffer.byteLength(password, 'utf8') > MAX_PASSWORD_BYTES)
    return `the password may have at most ${MAX_PASSWORD_BYTES} bytes, since bcrypt reads no further`;
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(password)) return 'the password holds a control character';
  if (looksLikeRobotSecret(password)) return 'that is the secret of a robot; a password is something else';
  return undefined;
}
