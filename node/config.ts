// The settings of a node. Defaults of limits are those of the parts that keep them, which also say what happens when
// a limit is reached.

import Type, { type Static } from 'typebox';
import { accessSettings } from './access/access-settings.ts';
import { dataSetting, logSettings } from '../shared/runtime/base-settings.ts';
import { address, bytes, choice, count, duration, label, onOff, text, rate } from '../shared/runtime/settings.ts';
import { debugSettings, healthSettings } from './health/health-settings.ts';
import { upstreamSettings } from './upstream/upstream-settings.ts';
import { deletionSettings, registrySettings, tlsSettings } from './registry-port-settings.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

const storeSettings = Type.Object(
  {
    uploadExpiryMs: duration({
      default: 7 * DAY_MS,
      minimum: 60 * SECOND_MS,
      maximum: 365 * DAY_MS,
      description:
        'An upload ends this long after its last byte. A week, so that a broken push can go on after a weekend.',
    }),
    uploadPurging: choice({
      choices: ['on', 'off', 'dry-run'],
      default: 'on',
      description: 'Whether expired uploads are thrown away; dry-run only says in the log which ones would be.',
    }),
    uploadPurgeMs: duration({
      default: 10 * 60 * SECOND_MS,
      minimum: SECOND_MS,
      maximum: 365 * DAY_MS,
      description: 'How often expired uploads are looked for. Ten minutes: it costs little.',
    }),
    partialExpiryMs: duration({
      default: 7 * DAY_MS,
      minimum: 60 * SECOND_MS,
      maximum: 365 * DAY_MS,
      description: 'Pieces of a download that nobody wanted for so long are thrown away. A week, as for uploads.',
    }),
    reserveBytes: bytes({
      default: 256 * MIB,
      minimum: 0,
      maximum: 1024 * GIB,
      description: 'Disk that stays free; what would not fit is refused with 507. Room for logs and for the database.',
    }),
    hashWorkers: count({
      default: 2,
      minimum: 1,
      maximum: 16,
      description:
        'Threads that hash, started when needed. Two, so that a blob gets its digest on one and its pieces on the other, at about 1.4 GB/s; one does both at 0.7 GB/s and saves 10 MB.',
    }),
  },
  { default: {}, additionalProperties: false },
);

const evictionSettings = Type.Object(
  {
    quotaBytes: bytes({
      default: 0,
      minimum: 0,
      maximum: 1024 * 1024 * GIB,
      description:
        'Bytes of blobs that a node which is no origin keeps, before it deletes what was not used for long. 0: as many as the disk holds.',
    }),
    highPercent: count({
      default: 95,
      minimum: 1,
      maximum: 100,
      description: 'Of the quota: above it room is made. Near the quota, so that most of it is used.',
    }),
    lowPercent: count({
      default: 85,
      minimum: 0,
      maximum: 100,
      description: 'Of the quota: down to it room is made. A tenth below, so that it is not made for every image.',
    }),
    lookEveryMs: duration({
      default: 30 * SECOND_MS,
      minimum: 100,
      maximum: DAY_MS,
      description:
        'Pause between two looks at the room there is. What comes in between, the reserve of the store stops.',
    }),
    minFreeBytes: bytes({
      default: 1024 * MIB,
      minimum: 0,
      maximum: 1024 * GIB,
      description:
        'Free disk below which room is made, until twice as much is free. Above store.reserveBytes, so that it is made before anything is refused.',
    }),
  },
  { default: {}, additionalProperties: false },
);

const peerSettings = Type.Object(
  {
    maxConnections: count({
      default: 256,
      minimum: 1,
      maximum: 10_000,
      description:
        'Peers connected at once; others are told that we are busy. Some images at a time with 32 links each.',
    }),
    linkBytesPerSecond: Type.Optional(
      bytes({
        minimum: 64 * KIB,
        maximum: 100 * GIB,
        description:
          "What this host's link carries in a second. The depth of pipelines follows from it, 1 Gbit/s when it is not set; when it is, reports of pulls tell how near to it they came.",
      }),
    ),
    uploadRate: Type.Optional(
      rate({
        minimum: 128 * KIB,
        maximum: 100 * GIB,
        isReloadable: true,
        description:
          'The most that this node sends to peers in a second, in pieces of blobs. Not set: no cap, since the fleet is fastest when every host gives what it can. Clients of this host are not capped.',
      }),
    ),
    downloadRate: Type.Optional(
      rate({
        minimum: 128 * KIB,
        maximum: 100 * GIB,
        isReloadable: true,
        description:
          'The most that this node gets from peers in a second, in pieces of blobs. Not set: no cap. For hosts whose other work needs the link.',
      }),
    ),
    otherZonesRate: Type.Optional(
      rate({
        minimum: 128 * KIB,
        maximum: 100 * GIB,
        isReloadable: true,
        description:
          'The most that this node sends to, and the most that it gets from, nodes of other zones in a second. Not set: no cap of its own. For thin or dear links; a blob comes into a zone once, through several hosts, so the zone gets this many times the number of those.',
      }),
    ),
    slowLink: onOff({
      default: false,
      description:
        'The link of this host is much slower than those of most others, or its upload cap is. On: others get what it passes on besides what they get from faster hosts, and never wait for it; it gets blobs at its own pace all the same. Off: that is found out anew within the first tenth of a pull.',
    }),
    backgroundFill: onOff({
      default: true,
      isReloadable: true,
      description:
        'When a client reads parts of a blob that is not here, fetch the rest after them. On: the host that read a part mostly needs the rest, and becomes one more that others can get it from. Off for hosts whose snapshotter reads images lazily.',
    }),
  },
  { default: {}, additionalProperties: false },
);

const udpSettings = Type.Object(
  {
    enabled: onOff({
      default: true,
      description:
        'Use hyperswarm, on the UDP port of the same number as --swarm, where the coordinator has it on. Off: TLS alone.',
    }),
    reachable: choice({
      choices: ['auto', 'yes', 'measure'],
      default: 'auto',
      description:
        'Whether UDP packets reach this node from everywhere, so that it can serve the DHT and be found through it when the coordinator is away. `auto`: yes for an origin, others measure.',
    }),
    bytesPerSecond: bytes({
      default: 12_500_000,
      minimum: 64 * KIB,
      maximum: 100 * GIB,
      description:
        'What this node sends over UDP in a second. 100 Mbit/s: UDP streams push TCP aside, and this is 15 % of a core.',
    }),
  },
  { default: {}, additionalProperties: false },
);

/** Schema of a node's settings; see shared/runtime/settings.ts. */
export const NodeConfig = Type.Object(
  {
    data: dataSetting,
    http: address({
      default: '127.0.0.1:5000',
      description: 'Where the registry API listens. Loopback: docker allows plain HTTP there, and nobody else gets in.',
    }),
    swarm: address({
      default: '0.0.0.0:5110',
      description:
        'Where this node listens for peers, over mutual TLS. On all interfaces, since peers are other hosts.',
    }),
    advertise: Type.Optional(
      address({
        description: 'The address that peers dial.',
        whenAbsent: 'the first address that is not loopback, with the port of --swarm',
      }),
    ),
    origin: Type.Optional(
      onOff({
        description: 'Keep every committed blob and never evict one. A fleet needs at least one such origin.',
        whenAbsent: 'what this node was before; off on its first start',
      }),
    ),
    zone: Type.Optional(
      label({
        description:
          'Where this host is, such as its data centre. Hosts of one zone have fast links to each other, and slow or costly ones to other zones: each blob comes into a zone once. Hosts without a zone form one of their own.',
      }),
    ),
    rack: Type.Optional(
      label({
        description: 'The rack within the zone. The hosts that an origin gives to first are spread over racks.',
      }),
    ),
    coordinator: Type.Optional(
      address({
        description: "The coordinator's address. Needed on the first start, and kept in the data folder from then on.",
      }),
    ),
    join: Type.Optional(
      text({
        isSecret: true,
        placeholder: 'TOKEN',
        description: 'The join token, for the first start only. `shoal token create` makes one.',
      }),
    ),
    staleTags: choice({
      choices: ['serve', 'refuse'],
      default: 'serve',
      description:
        'While the coordinator is away, answer tags with the last known digest and a warning, or refuse. Serving keeps hosts able to restart.',
    }),
    drainMs: duration({
      default: 30 * SECOND_MS,
      minimum: 0,
      maximum: HOUR_MS,
      description:
        'How long running requests may take to finish after SIGTERM. Below the 90 s after which systemd kills.',
    }),
    store: storeSettings,
    eviction: evictionSettings,
    upstreams: upstreamSettings,
    peers: peerSettings,
    udp: udpSettings,
    registry: registrySettings,
    tls: tlsSettings,
    access: accessSettings,
    debug: debugSettings,
    health: healthSettings,
    deletion: deletionSettings,
    log: logSettings,
  },
  { additionalProperties: false },
);
export type NodeConfig = Readonly<Static<typeof NodeConfig>>;
