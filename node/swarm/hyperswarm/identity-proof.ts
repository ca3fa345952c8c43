// Who is at the other end of a hyperswarm connection. The connection proves a noise key and nothing else; the first message of
// each side ties it to the certificate of a member of the fleet:
//
//   u16 length of the rest | u8 version | u16 length | certificate, DER | u8 length | address, ASCII | signature, DER
//
// The signature, by the key of the certificate, covers the hash of the handshake, which is the same at both ends and on no other
// connection, and which side signed. So a proof is of no use on another connection, nor when it is sent back to its author.
// Nobody need have heard of the node before: a member that joined while we were off proves itself like any other.

import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { identityOf } from '../../../shared/identity/certificate-names.ts';
import type { TlsMaterial } from '../../../shared/identity/tls-material.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { isHostPort } from '../../../shared/runtime/host-port.ts';

const VERSION = 1;
const CONTEXT = Buffer.from('shoal hyperswarm identity 1\n');
/** Largest proof that is read; a longer one ends the connection. A certificate of ours has less than 1 KiB. */
export const MAX_PROOF_BYTES = 4096;
/** In front of a proof: its length. */
export const PROOF_HEADER_BYTES = 2;

/** Which end of a connection somebody is. */
export type ProofRole = 'dialler' | 'acceptor';

export interface ProvenPeer {
  readonly nodeId: string;
  /** `host:port` where it may be dialled over TLS, as it says; undefined when it says none. */
  readonly address: string | undefined;
}

/** What a proof is about. @property handshakeHash of this very connection. @property role of the side that proves. */
export interface ProofPlace {
  readonly handshakeHash: Uint8Array;
  readonly role: ProofRole;
}

/** Our proof for one connection, with its length in front. */
export function makeProof(own: { readonly tls: TlsMaterial; readonly address: string }, place: ProofPlace): Buffer {
  const certificate = new X509Certificate(own.tls.cert).raw;
  const address = Buffer.from(own.address, 'latin1').subarray(0, 255);
  const signature = sign('sha256', signedBytes(place, address), createPrivateKey(own.tls.key));
  const body = Buffer.concat([
    Buffer.from([VERSION]),
    u16(certificate.length),
    certificate,
    Buffer.from([address.length]),
    address,
    signature,
  ]);
  return Buffer.concat([u16(body.length), body]);
}

/**
 * How many bytes the proof has that begins here, with its header; undefined while that is not known yet.
 * @throws {AppError} `message_invalid` when it is too long.
 */
export function proofLength(bytes: Buffer): number | undefined {
  if (bytes.length < PROOF_HEADER_BYTES) return undefined;
  const length = bytes.readUInt16BE(0);
  if (length > MAX_PROOF_BYTES) throw invalid('proof of identity is too long');
  return PROOF_HEADER_BYTES + length;
}

/**
 * Checks the proof of the other side.
 * @param bytes whole, with its header.
 * @throws {AppError} `identity_refused` when it is nobody of this fleet or the proof is of another connection,
 * `message_invalid` when it is none.
 */
export function checkProof(
  bytes: Buffer,
  place: ProofPlace,
  fleet: { readonly ca: string; readonly fleetId: string; readonly wallMs: number },
): ProvenPeer {
  const { certificate, address, signature } = parse(bytes.subarray(PROOF_HEADER_BYTES));
  const authority = new X509Certificate(fleet.ca);
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    throw refused('its certificate is not of the authority of this fleet');
  }
  if (Date.parse(certificate.validFrom) > fleet.wallMs || Date.parse(certificate.validTo) < fleet.wallMs) {
    throw refused('its certificate is not valid now');
  }
  const identity = identityOf(certificate);
  if (identity?.role !== 'node' || identity.fleetId !== fleet.fleetId) throw refused('it is no node of this fleet');
  if (!verify('sha256', signedBytes(place, address), certificate.publicKey, signature)) {
    throw refused('its signature is not for this connection');
  }
  const text = address.toString('latin1');
  return { nodeId: identity.id, address: isHostPort(text) ? text : undefined };
}

function parse(body: Buffer): { certificate: X509Certificate; address: Buffer; signature: Buffer } {
  try {
    if (body.readUInt8(0) !== VERSION) throw invalid('proof of identity has another version');
    const addressAt = 3 + body.readUInt16BE(1);
    const signatureAt = addressAt + 1 + body.readUInt8(addressAt);
    if (signatureAt >= body.length) throw invalid('proof of identity is too short');
    return {
      certificate: new X509Certificate(body.subarray(3, addressAt)),
      address: body.subarray(addressAt + 1, signatureAt),
      signature: body.subarray(signatureAt),
    };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('message_invalid', 'proof of identity cannot be read', { cause });
  }
}

function signedBytes({ handshakeHash, role }: ProofPlace, address: Buffer): Buffer {
  return Buffer.concat([CONTEXT, Buffer.from([role === 'dialler' ? 0 : 1]), handshakeHash, address]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function invalid(message: string): AppError {
  return new AppError('message_invalid', message);
}

function refused(why: string): AppError {
  return new AppError('identity_refused', `refused a hyperswarm peer: ${why}`);
}
