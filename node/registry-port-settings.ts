// Settings of the port that clients use: the registry API, its certificate, and what may be deleted.

import Type from 'typebox';
import { choice, count, duration, list, onOff, structure, text } from '../shared/runtime/settings.ts';

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

/** The registry API itself. */
export const registrySettings = Type.Object(
  {
    maxConnections: count({
      default: 4096,
      minimum: 1,
      maximum: 100_000,
      description: "Clients connected at once; the next are closed. Far above what one host's clients open.",
    }),
    bodyIdleTimeoutMs: duration({
      default: 60 * SECOND_MS,
      minimum: SECOND_MS,
      maximum: HOUR_MS,
      description: 'An upload without a byte for so long is given up. A long upload that moves is fine.',
    }),
    responseStallTimeoutMs: duration({
      default: 300 * SECOND_MS,
      minimum: SECOND_MS,
      maximum: HOUR_MS,
      description: 'A client that takes nothing for so long is cut off: others miss its buffers.',
    }),
    blobBufferCount: count({
      default: 64,
      minimum: 3,
      maximum: 4096,
      description: 'Buffers of 1 MiB for all blob answers together; a client that finds none waits.',
    }),
    manifestBodyTimeoutMs: duration({
      default: 30 * SECOND_MS,
      minimum: SECOND_MS,
      maximum: HOUR_MS,
      description:
        'A manifest that is not here whole by then is given up with 408, however steadily it comes: all share the memory for them. The largest takes half a minute at 140 KB/s.',
    }),
    maxRepositories: count({
      default: 1000,
      minimum: 1,
      maximum: 10_000,
      description: 'Repositories in one answer of the catalog; a link leads to the rest. As in the reference registry.',
    }),
    largerCatalogPages: choice({
      choices: ['cut', 'refuse'],
      default: 'cut',
      description:
        'What becomes of an `n` above registry.maxRepositories: so many and a link to the rest, or 400. `shoal serve`: refuse, as in the original.',
    }),
    maxTags: count({
      default: 1000,
      minimum: 1,
      maximum: 10_000,
      description: 'Tags in one answer; a link leads to the rest. As in the reference registry.',
    }),
    accessLog: onOff({
      default: false,
      description:
        "A line on stdout for each request, in the form of Apache's combined log. `shoal serve`: on, as in the original.",
    }),
    referenceMetrics: onOff({
      default: false,
      description:
        'Metrics also under the names of the reference registry (registry_http_…), for dashboards made for it.',
    }),
    layerUrls: choice({
      choices: ['any', 'listed'],
      default: 'any',
      description:
        'Whether layers of pushed manifests may name URLs: any, as Windows images do, or those listed. They are never fetched here. `shoal serve`: listed.',
    }),
    allowedLayerUrls: list({
      default: [],
      maxItems: 100,
      description:
        'URLs that layers may name, when they are listed: patterns like ^https?://([^/]+\\.)*example\\.com/.',
    }),
    deniedLayerUrls: list({ default: [], maxItems: 100, description: 'Those among them that layers may not name.' }),
    readOnly: onOff({
      default: false,
      description: 'Nothing can be pushed or deleted on this node; 403 for those who try. Pulls go on.',
    }),
    publicUrl: Type.Optional(
      text({
        placeholder: 'URL',
        description:
          'Where clients reach this registry, in the place of what they and trusted proxies say: https://registry.example. Links begin with it as it is, without registry.prefix.',
      }),
    ),
    prefix: Type.Optional(
      text({
        placeholder: 'PATH',
        description: 'The API lies below this path, for a proxy that gives it a part of a site.',
      }),
    ),
    urls: choice({
      choices: ['relative', 'absolute'],
      default: 'relative',
      description:
        'Links to uploads, blobs and manifests without a host, which are right behind every proxy, or with one. `shoal serve`: absolute, as scripts for the original expect.',
    }),
    allowedHosts: list({
      default: [],
      maxItems: 100,
      description:
        'Names besides localhost that clients may use for a registry on loopback without TLS; * for any. None: a web page whose name leads to 127.0.0.1 must not reach it. `shoal serve`: *.',
    }),
    trustedProxies: list({
      default: ['loopback'],
      maxItems: 100,
      description:
        'Whose Forwarded and X-Forwarded-… headers are believed: addresses, networks, loopback, private, all. Loopback: nobody else is in front of a registry on localhost. `shoal serve`: loopback,private, where the proxies of compose files are.',
    }),
    headers: structure(Type.Record(Type.String(), Type.Array(Type.String(), { maxItems: 100 })), {
      default: {},
      example: '{"Access-Control-Allow-Origin":["https://ui.example"]}',
      description:
        'Headers of every answer, of errors too. X-Content-Type-Options: nosniff is always there unless it is set here.',
    }),
  },
  { default: {}, additionalProperties: false },
);

/** The certificate of its port. */
export const tlsSettings = Type.Object(
  {
    certificate: Type.Optional(
      text({
        placeholder: 'FILE',
        description:
          'Certificate of the registry port, PEM, with those between it and its authority behind it. With it the port speaks HTTPS alone. A file that changes is taken up within 5 s.',
      }),
    ),
    key: Type.Optional(text({ placeholder: 'FILE', description: 'The private key of that certificate, PEM.' })),
    minimumVersion: choice({
      choices: ['1.2', '1.3'],
      default: '1.2',
      description: 'Oldest TLS that is spoken. 1.2: what every client of the last ten years has.',
    }),
    ciphers: list({
      default: [],
      maxItems: 50,
      description: "Cipher suites by the names of OpenSSL, best first. None: OpenSSL's own choice.",
    }),
    clientAuthorities: list({
      default: [],
      maxItems: 50,
      description: 'PEM files with the authorities of client certificates. None: clients need no certificate.',
    }),
    clientCertificates: choice({
      choices: ['verify', 'verify-if-given', 'require', 'request'],
      default: 'verify',
      description: 'What is demanded of a client, when there are authorities: by default a certificate of one of them.',
    }),
  },
  { default: {}, additionalProperties: false },
);

/** What may be deleted through it. */
export const deletionSettings = Type.Object(
  {
    blobs: onOff({ default: true, description: 'Blobs may be deleted through the API.' }),
    manifests: onOff({ default: true, description: 'Manifests may be deleted through the API.' }),
    tags: onOff({ default: true, description: 'Tags may be deleted through the API.' }),
  },
  { default: {}, additionalProperties: false },
);
