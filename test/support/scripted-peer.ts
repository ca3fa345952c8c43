// A node that does what a test says: real TLS with a certificate of the fleet, then whatever frames the script answers.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { PeerFrameDecoder } from '../../shared/protocol/peer-frame-decoder.ts';
import { PEER_PROTOCOL, encodeFrame, type PeerFrame } from '../../shared/protocol/peer-frames.ts';
import type { TestFleet } from './fleet-identity.ts';

/** Answers to one frame; `hello-ack` is given by itself unless the peer is mute. */
export type PeerScript = (frame: PeerFrame) => readonly PeerFrame[];

export interface ScriptedPeer extends AsyncDisposable {
  readonly peer: Peer;
  /** Types of the frames that came. */
  readonly heard: string[];
}

/** Has every blob that anyone opens, and answers nothing more. */
export const silentHolder: PeerScript = (frame) =>
  frame.type === 'open-channel'
    ? [
        { ...frame, channel: 1 },
        { type: 'bitfield', channel: 1 },
      ]
    : [];

/** Has every blob that anyone opens, but not one piece of it when asked. */
export const lyingHolder: PeerScript = (frame) =>
  frame.type === 'request'
    ? [{ type: 'reject', channel: 1, pieceIndex: frame.pieceIndex, reason: 'not_here' }]
    : silentHolder(frame);

export async function startScriptedPeer(
  fleet: TestFleet,
  options: { readonly nodeId: string; readonly script: PeerScript; readonly isMute?: boolean },
): Promise<ScriptedPeer> {
  const { nodeId, script, isMute = false } = options;
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
    const decoder = new PeerFrameDecoder({
      frame: (frame) => {
        heard.push(frame.type);
        if (isMute) return;
        if (frame.type === 'hello') {
          say({ type: 'hello-ack', protocol: PEER_PROTOCOL, nodeId, fleetId: fleet.fleetId, address: '' });
        }
        if (frame.type === 'ping') say({ type: 'pong', nonce: frame.nonce });
        for (const answer of script(frame)) say(answer);
      },
      data: () => undefined,
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
