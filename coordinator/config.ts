// The settings of a coordinator. Each default's reason stands beside it; the reference in the docs is made from here.

import Type, { type Static } from 'typebox';
import { dataSetting, logSettings } from '../shared/runtime/base-settings.ts';
import { address, bytes, choice, count, duration, list, onOff, text } from '../shared/runtime/settings.ts';

import { notificationSettings } from './notification-settings.ts';

const MINUTE_MS = 60_000;

/** Schema of a coordinator's settings; see shared/runtime/settings.ts. */
export const CoordinatorConfig = Type.Object(
  {
    data: dataSetting,
    listen: address({
      default: '0.0.0.0:5100',
      description:
        'Where the coordinator listens: sessions of nodes, HTTPS API, metrics. For nodes on other hosts it must be an address that they reach; 0.0.0.0:5100 is every address of this host.',
    }),
    hosts: list({
      default: [],
      maxItems: 100,
      description:
        "Further names for the coordinator's certificate, for browsers and curl. Nodes need none: they know the coordinator by its fleet.",
    }),
    durability: Type.Object(
      {
        copies: count({
          default: 1,
          minimum: 1,
          maximum: 16,
          description:
            'Origins that hold every blob of a manifest before its push is answered. One: together with the copy of the pusher, losing one host loses nothing.',
        }),
        waitMs: duration({
          default: 2 * MINUTE_MS,
          minimum: 0,
          maximum: 5 * MINUTE_MS,
          description:
            'How long a manifest waits for these copies before it is answered 503. Two minutes: a few GB at 1 Gbit/s, and less than clients wait.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    users: Type.Object(
      {
        policyLifeMs: duration({
          default: 3 * 24 * 60 * MINUTE_MS,
          minimum: 10_000,
          maximum: 30 * 24 * 60 * MINUTE_MS,
          description:
            'How long nodes go by what they last heard of users and rights while the coordinator is away; then they deny. Three days: a long weekend. A user who is removed meanwhile gets in for as long on nodes that were not told.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    graceMs: duration({
      default: 30_000,
      minimum: 0,
      maximum: 60 * MINUTE_MS,
      description:
        'How long a node without a session is still named to others. Half a minute: a restart of the node or a hiccup of the network is over by then.',
    }),
    limits: Type.Object(
      {
        sessions: count({
          default: 20_000,
          minimum: 1,
          maximum: 1_000_000,
          description: 'Sessions at a time. Twice the largest fleet that was tested.',
        }),
        strangers: count({
          default: 2000,
          minimum: 1,
          maximum: 100_000,
          description:
            'Connections that show no certificate of this fleet: nodes that join, browsers, probes. Beyond it the oldest is cut. Far more than join in the second that it takes.',
        }),
        waitingManifests: count({
          default: 1000,
          minimum: 1,
          maximum: 100_000,
          description: 'Manifest pushes that wait for copies. Each holds up to 4 MiB.',
        }),
        ordersPerOrigin: count({
          default: 200,
          minimum: 1,
          maximum: 10_000,
          description: 'Blobs that one origin is told to fetch at a time. More would only wait there.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    hyperswarm: onOff({
      default: false,
      description:
        'Nodes also find and reach each other over hyperswarm: UDP, through NATs, and while the coordinator is away. Off: it opens UDP ports and is of use only where some nodes cannot be dialled, or change their address.',
    }),
    rendezvous: Type.Object(
      {
        listen: address({
          default: '0.0.0.0:5120',
          description:
            'With hyperswarm on: the first of five UDP ports in a row. Four serve the DHT, as NATs can only be told apart by three or more; the fifth is the relay.',
        }),
        advertise: Type.Optional(
          text({
            placeholder: 'IPV4',
            description: 'The IPv4 address by which nodes reach these ports.',
            whenAbsent: 'the first that is not loopback',
          }),
        ),
        relay: onOff({
          default: true,
          description:
            'Carry what two nodes say to each other that cannot reach each other in any other way. It sees ciphertext alone.',
        }),
        relayBytesPerSecond: bytes({
          default: 4 * 1000 * 1000,
          minimum: 64 * 1024,
          maximum: 1024 ** 4,
          description:
            'What one node may send through the relay in a second; who takes more is cut off. 4 MB/s: relaying takes 15 CPU seconds per GB, so that this is 6 % of a core.',
        }),
        relayConnections: count({
          default: 32,
          minimum: 1,
          maximum: 10_000,
          description:
            'Pairs of nodes that the relay joins at a time; more are refused. All at full rate take two cores.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    orderRetryMs: duration({
      default: 2 * MINUTE_MS,
      minimum: 1000,
      maximum: 24 * 60 * MINUTE_MS,
      description:
        'After this time an origin that has not fetched a blob is told again. Two minutes: about the time of a large layer.',
    }),
    sweepEveryMs: duration({
      default: 30_000,
      minimum: 100,
      maximum: 24 * 60 * MINUTE_MS,
      description:
        'Pause between two looks for blobs that an origin lacks. Half a minute: it only catches what events missed.',
    }),
    collection: Type.Object(
      {
        everyMs: duration({
          default: 10 * MINUTE_MS,
          minimum: 100,
          maximum: 7 * 24 * 60 * MINUTE_MS,
          description:
            'Pause between two looks for content that nothing leads to. What is unreachable stays for the delay below and one such pause.',
        }),
        deleteDelayMs: duration({
          default: 24 * 60 * MINUTE_MS,
          minimum: 0,
          maximum: 365 * 24 * 60 * MINUTE_MS,
          description:
            'How long the blobs of a deleted manifest stay. A day: whoever deleted by mistake pushes the manifest again and is done. `shoal gc` does not wait for it.',
        }),
        pushGraceMs: duration({
          default: 24 * 60 * MINUTE_MS,
          minimum: 0,
          maximum: 365 * 24 * 60 * MINUTE_MS,
          description:
            'How long blobs without a manifest, and manifests without a tag or an index, are left to a push that is under way. A day: a large image over a thin line.',
        }),
        untagged: choice({
          default: 'keep',
          choices: ['keep', 'remove'],
          description:
            'Whether manifests that no tag, index or subject leads to are removed by themselves. Kept, as the reference registry does: people pull by digest.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    notifications: notificationSettings,
    audit: Type.Object(
      {
        maxEntries: count({
          default: 100_000,
          minimum: 1000,
          maximum: 1_000_000,
          description:
            'Entries of the audit log (`shoal audit`), the oldest go first. A hundred thousand: years of a small team, and 50 MB.',
        }),
        maxAgeMs: duration({
          default: 365 * 24 * 60 * MINUTE_MS,
          minimum: 60 * MINUTE_MS,
          maximum: 3650 * 24 * 60 * MINUTE_MS,
          description: 'How long they are kept. A year: what an audit asks for.',
        }),
        pulls: onOff({
          default: false,
          description:
            'Whether the audit log holds pulls, too. They are by far the most: a hundred hosts that pull an image of ten layers make over a thousand entries.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    cache: Type.Object(
      {
        ttlMs: duration({
          default: 7 * 24 * 60 * MINUTE_MS,
          minimum: 0,
          maximum: 3650 * 24 * 60 * MINUTE_MS,
          description:
            'A copy of an upstream that nobody asked for in so long goes, unless its layers belong to something else too. A week, as in the original, but counted from its last use; 0: never.',
        }),
        maxBytes: bytes({
          default: 0,
          minimum: 0,
          maximum: 1024 ** 5,
          description:
            'What the layers of all copies of upstreams may take together, each counted once; above it the longest unused go. 0: as much as the disks hold.',
        }),
      },
      { default: {}, additionalProperties: false },
    ),
    log: logSettings,
  },
  { additionalProperties: false },
);
export type CoordinatorConfig = Readonly<Static<typeof CoordinatorConfig>>;
