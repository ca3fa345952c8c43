// The operator's certificate: read from its files, checked as a whole, and what to say when it is not right.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { AppError } from '../../shared/runtime/errors.ts';

/** Where the files are, and what is demanded of connections. */
export interface TlsSettings {
  readonly certificate: string;
  readonly key: string;
  readonly minimumVersion: '1.2' | '1.3';
  /** Names as OpenSSL writes them; empty for its own choice. */
  readonly ciphers: readonly string[];
  /** Files with the authorities of clients; empty when clients need no certificate. */
  readonly clientAuthorities: readonly string[];
}

/** The suites of TLS 1.3, all of which are good; a list that names none of them is about TLS 1.2 alone. */
const TLS_1_3_CIPHERS = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** What the files hold now. */
export interface ReadTlsFiles {
  readonly context: SecureContextOptions;
  /** Of the first certificate, for the log. */
  readonly subject: string;
  readonly names: string;
  readonly notAfter: Date;
}

/** @throws {AppError} `config_invalid` naming the file and what is wrong with it. */
export async function readTlsFiles(settings: TlsSettings): Promise<ReadTlsFiles> {
  const cert = await readPem(settings.certificate, 'tls.certificate');
  const key = await readPem(settings.key, 'tls.key');
  const ca = await Promise.all(settings.clientAuthorities.map((path) => readPem(path, 'tls.clientAuthorities')));
  const context: SecureContextOptions = {
    cert,
    key,
    minVersion: settings.minimumVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ...(ca.length === 0 ? {} : { ca }),
    ...(settings.ciphers.length === 0 ? {} : { ciphers: cipherList(settings.ciphers), honorCipherOrder: true }),
  };
  const leaf = parseCertificate(cert, settings.certificate);
  checkKey(key, settings.key);
  for (const [index, path] of settings.clientAuthorities.entries()) checkAuthority(ca[index], path);
  try {
    createSecureContext(context);
  } catch (cause) {
    throw new AppError('config_invalid', contextProblem(cause, settings), { cause });
  }
  return {
    context,
    subject: leaf.subject.replaceAll('\n', ', '),
    names: leaf.subjectAltName ?? '',
    notAfter: new Date(leaf.validTo),
  };
}

/** Changes whenever one of the files may have: also when a link leads to another file. */
export async function tlsFilesMark(settings: TlsSettings): Promise<string> {
  const paths = [settings.certificate, settings.key, ...settings.clientAuthorities];
  const marks = await Promise.all(
    paths.map(async (path) => {
      try {
        const { ino, size, mtimeMs } = await stat(path);
        return `${ino} ${size} ${mtimeMs}`;
      } catch {
        return 'absent'; // reading it says why
      }
    }),
  );
  return marks.join('\n');
}

async function readPem(path: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `${setting}: the file cannot be read: ${reason}`, { cause });
  }
}

function parseCertificate(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    const what = 'it must hold PEM text that begins with -----BEGIN CERTIFICATE-----, the own certificate first';
    throw new AppError('config_invalid', `tls.certificate: ${path} is no certificate; ${what}`, { cause });
  }
}

/** A context takes an empty key in silence, and says of others only that they are "unsupported". */
function checkKey(pem: Buffer, path: string): void {
  // Looked for in the text: OpenSSL would ask the terminal for the passphrase.
  if (/^(-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED)/m.test(pem.toString('latin1'))) {
    const advice = `unlock it: openssl pkey -in ${path} -out unlocked.key`;
    throw new AppError('config_invalid', `tls.key: ${path} is locked with a passphrase, which nobody types; ${advice}`);
  }
  try {
    createPrivateKey(pem);
  } catch (cause) {
    const what = 'it must hold PEM text that begins with -----BEGIN PRIVATE KEY----- or the like';
    throw new AppError('config_invalid', `tls.key: ${path} is no key; ${what}`, { cause });
  }
}

/** OpenSSL takes a file without any certificate in silence, and would then refuse every client. */
function checkAuthority(pem: Buffer | undefined, path: string): void {
  try {
    new X509Certificate(pem ?? '');
  } catch (cause) {
    const what = 'it must hold PEM text that begins with -----BEGIN CERTIFICATE-----';
    throw new AppError('config_invalid', `tls.clientAuthorities: ${path} is no certificate; ${what}`, { cause });
  }
}

function contextProblem(cause: unknown, { certificate, key, ciphers }: TlsSettings): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code.includes('KEY_VALUES_MISMATCH')) return `tls.key: ${key} is not the key of ${certificate}`;
  if (code.includes('NO_CIPHER_MATCH')) return `tls.ciphers: OpenSSL knows none of ${ciphers.join(', ')}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `tls: ${certificate} with ${key} cannot be used: ${reason}`;
}

function cipherList(ciphers: readonly string[]): string {
  const namesTls13 = ciphers.some((name) => name.startsWith('TLS_'));
  return [...(namesTls13 ? [] : TLS_1_3_CIPHERS), ...ciphers].join(':');
}
