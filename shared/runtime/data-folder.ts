// Where in the data folder each part keeps its things. A coordinator and a node may share one folder (`shoal up`).
//
//   <data>/authority/      the fleet's authority and the coordinator's certificates, private
//   <data>/coordinator.db  the index
//   <data>/admin.json      how the command line on this host reaches the coordinator, private
//   <data>/node.json       the node's identity, private
//   <data>/noise-seed      the node's key in hyperswarm, private; made when it is first used
//   <data>/node-access.json  how the command line on this host reaches the node, private
//   <data>/access-policy.json  the users of the fleet as this node heard of them, private
//   <data>/store/          blobs, partial blobs, upload sessions
//   <data>/local/node.sock commands on this host reach the node here, private
//   <data>/known/          what the coordinator said last

import { join } from 'node:path';

export interface DataFolder {
  readonly authority: string;
  readonly database: string;
  readonly adminAccess: string;
  readonly nodeIdentity: string;
  readonly noiseSeed: string;
  readonly accessPolicy: string;
  readonly nodeAccess: string;
  readonly store: string;
  readonly known: string;
  readonly nodeSocket: string;
}

/** The paths in one data folder. Makes nothing. */
export function dataFolder(data: string): DataFolder {
  return {
    authority: join(data, 'authority'),
    database: join(data, 'coordinator.db'),
    adminAccess: join(data, 'admin.json'),
    nodeIdentity: join(data, 'node.json'),
    noiseSeed: join(data, 'noise-seed'),
    nodeAccess: join(data, 'node-access.json'),
    accessPolicy: join(data, 'access-policy.json'),
    store: join(data, 'store'),
    known: join(data, 'known'),
    nodeSocket: join(data, 'local', 'node.sock'),
  };
}
