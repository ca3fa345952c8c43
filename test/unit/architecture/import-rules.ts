// Who may import what: the table that the architecture test enforces. Design: imports point one way, from the edge
// (registry, http, cli, sessions) over use cases and pure decisions to shared/.
//
// Paths are folders, or single files, from the top of the repository. A folder stands for all that is in it.

/** `from` may import, of our own code, only what is in `only`; its own folder always counts as allowed. */
interface OnlyRule {
  readonly from: string;
  readonly only: readonly string[];
}

/** `from` must not import anything of `never`, except as `except` lists from -> to. */
interface NeverRule {
  readonly from: string;
  readonly never: readonly string[];
  readonly except?: readonly { readonly from: string; readonly to: readonly string[] }[];
}

export const onlyRules: readonly OnlyRule[] = [
  { from: 'shared', only: [] },
  { from: 'node/swarm/scheduler', only: ['shared'] },
  { from: 'node/swarm/caps', only: ['shared'] },
  { from: 'node/pulls', only: ['shared'] },
  { from: 'node/registry-config', only: ['shared'] },
  { from: 'node/import', only: ['shared', 'node/content/blob-store.ts'] },
  { from: 'node/admin', only: ['shared', 'node/content', 'node/import'] },
  { from: 'coordinator/directory', only: ['shared'] },
];

/** The store, the swarm and the coordinator link implement interfaces that node/content declares, so they may import those. */
export const neverRules: readonly NeverRule[] = [
  { from: 'coordinator', never: ['node'] },
  {
    from: 'node',
    never: ['coordinator'],
    except: [{ from: 'node/cli', to: ['coordinator/coordinator.ts', 'coordinator/config.ts'] }],
  },
  { from: 'node/registry', never: ['node/store', 'node/swarm', 'node/coordinator-link', 'node/cli'] },
  { from: 'node/content', never: ['node/store', 'node/swarm', 'node/registry', 'node/cli', 'node/coordinator-link'] },
  {
    from: 'node/upstream',
    never: ['node/registry', 'node/store', 'node/swarm', 'node/cli', 'node/coordinator-link'],
  },
  { from: 'node/store', never: ['node/registry', 'node/swarm', 'node/cli', 'node/coordinator-link'] },
  { from: 'node/swarm', never: ['node/registry', 'node/store', 'node/cli'] },
  { from: 'coordinator/database', never: ['coordinator/http', 'coordinator/sessions'] },
];

/** A package is imported in these folders or files alone. One that is not listed may be imported nowhere. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  bcryptjs: ['node/access'],
  'better-sqlite3': ['coordinator/database'],
  koffi: ['node/store'],
  fastify: ['node/registry', 'node/admin', 'coordinator/http', 'shared/http'],
  'blind-relay': ['shared/hyperswarm', 'coordinator/hyperswarm'],
  hyperdht: ['shared/hyperswarm', 'coordinator/hyperswarm', 'node/swarm/hyperswarm'],
  hyperswarm: ['shared/hyperswarm', 'node/swarm/hyperswarm'],
  jose: ['node/access'],
  msgpackr: ['shared/protocol'],
  'p-limit': ['node', 'coordinator', 'shared/runtime', 'scripts/benchmarks'],
  pino: ['shared/runtime'],
  'prom-client': ['shared/runtime'],
  typebox: ['node', 'coordinator', 'shared', 'scripts/benchmarks'],
  ws: ['coordinator/sessions', 'node/coordinator-link'],
  yaml: ['shared/runtime'],
};

/** Pure: they decide and do nothing else, so that the simulator can run them. No module of Node but for its types. */
export const pureFolders: readonly string[] = [
  'node/swarm/scheduler',
  'node/swarm/caps',
  'node/pulls',
  'coordinator/directory',
];

/** Names that say nothing about what a file holds. */
export const emptyFileNames: readonly string[] = [
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'misc',
  'types',
  'index',
];
