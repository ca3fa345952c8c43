// A node that does what a test says: real TLS with a certificate of the fleet, then whatever frames the script answers.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { PeerFrameDecoder } from '../../shared/protocol/peer-frame-decoder.ts';
import {
  PEER_PROTOCOL,
  encodeDataHeader,
  encodeFrame,
  type DataPlace,
  type PeerFrame,
} from '../../shared/protocol/peer-frames.ts';
import type { TestFleet } from './fleet-identity.ts';

/** Answers to one frame; `hello-ack` and `pong` are given by themselves unless the peer is mute. */
export type PeerScript = (frame: PeerFrame, wire: ScriptedWire) => readonly PeerFrame[];

/** What a script may do besides answering. */
export interface ScriptedWire {
  /** Sends payload at once. */
  data(place: DataPlace, bytes: Uint8Array): void;
}

export interface ScriptedPeer extends AsyncDisposable {
  readonly peer: Peer;
  /** Types of the frames that came. */
  readonly heard: string[];
}

/** More than a script is sent. */
const CREDIT_BYTES = 16 * 1024 * 1024;

/** Has every blob that anyone opens, and answers nothing more. */
export const silentHolder: PeerScript = (frame) =>
  frame.type === 'open-channel'
    ? [
        { ...frame, channel: 1 },
        { type: 'bitfield', channel: 1 },
      ]
    : [];

/** Has every blob that anyone opens, but not one piece of it when asked. */
export const lyingHolder: PeerScript = (frame, wire) =>
  frame.type === 'request'
    ? [{ type: 'reject', channel: 1, pieceIndex: frame.pieceIndex, reason: 'not_here' }]
    : silentHolder(frame, wire);

export async function startScriptedPeer(
  fleet: TestFleet,
  options: {
    readonly nodeId: string;
    readonly script: PeerScript;
    readonly isMute?: boolean;
    /** As if it were so far away: what a ping takes, and nothing else. */
    readonly roundTripMs?: number;
    readonly onData?: (place: DataPlace, bytes: Uint8Array) => void;
  },
): Promise<ScriptedPeer> {
  const { nodeId, script, isMute = false, roundTripMs = 0, onData = () => undefined } = options;
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({
    ...fleet.nodeTls(nodeId),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['shoal-peer/1'],
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    const say = (frame: PeerFrame): void => void socket.write(encodeFrame(frame));
    const wire: ScriptedWire = {
      data: (place, bytes) => {
        socket.write(encodeDataHeader(place, bytes.byteLength));
        socket.write(bytes);
      },
    };
    const decoder = new PeerFrameDecoder({
      frame: (frame) => {
        heard.push(frame.type);
        if (isMute) return;
        if (frame.type === 'hello') {
          say({ type: 'hello-ack', protocol: PEER_PROTOCOL, nodeId, fleetId: fleet.fleetId, address: '' });
          say({ type: 'credit', bytes: CREDIT_BYTES });
        }
        if (frame.type === 'ping') setTimeout(() => say({ type: 'pong', nonce: frame.nonce }), roundTripMs);
        for (const answer of script(frame, wire)) say(answer);
      },
      data: onData,
    });
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    peer: { nodeId, address: `127.0.0.1:${port}`, isOrigin: false },
    heard,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
