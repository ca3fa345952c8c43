// From which zone each zone gets its copy of a blob. Pure.
//
//   some zone has a holder     every zone without one gets everything from one that has
//   no zone has a holder       what is there lies in pieces with the members: all zones exchange over one of them
//
// Routes stay while they can: another one costs connections and pieces that are asked for twice.

/** A zone that has something to do with a blob. */
export interface RoutedZone {
  readonly name: string;
  readonly memberCount: number;
  /** Somebody in it has the blob whole and can give it. */
  readonly hasServer: boolean;
}

/** Source zones by target zone. Zones that need nothing from elsewhere are not there. */
export type ZoneRoutes = ReadonlyMap<string, readonly string[]>;

export function chooseRoutes(zones: readonly RoutedZone[], current: ZoneRoutes): ZoneRoutes {
  const sources = zones.filter(({ hasServer }) => hasServer);
  const targets = zones.filter(({ hasServer, memberCount }) => !hasServer && memberCount > 0);
  return sources.length > 0 ? fromServers(targets, sources, current) : overHub(targets, current);
}

function fromServers(targets: readonly RoutedZone[], sources: readonly RoutedZone[], current: ZoneRoutes): ZoneRoutes {
  const routes = new Map<string, readonly string[]>();
  const load = new Map(sources.map(({ name }) => [name, 0]));
  const route = (target: string, source: string): void => {
    routes.set(target, [source]);
    load.set(source, (load.get(source) ?? 0) + 1);
  };
  for (const { name } of targets) {
    const kept = current.get(name)?.find((source) => load.has(source));
    if (kept !== undefined) route(name, kept);
  }
  for (const { name } of targets) {
    if (routes.has(name)) continue;
    const [best] = sources.toSorted(
      (left, right) =>
        (load.get(left.name) ?? 0) - (load.get(right.name) ?? 0) ||
        right.memberCount - left.memberCount ||
        compareNames(left, right),
    );
    if (best !== undefined) route(name, best.name);
  }
  return routes;
}

/** The zone with the most members takes from every other and gives to every other. */
function overHub(zones: readonly RoutedZone[], current: ZoneRoutes): ZoneRoutes {
  const [largest] = zones.toSorted((left, right) => right.memberCount - left.memberCount || compareNames(left, right));
  const hub = zones.find(({ name }) => (current.get(name)?.length ?? 0) > 1) ?? largest;
  const routes = new Map<string, readonly string[]>();
  const others = zones.filter((zone) => zone !== hub);
  if (hub === undefined || others.length === 0) return routes;
  for (const { name } of others) routes.set(name, [hub.name]);
  routes.set(
    hub.name,
    others.map(({ name }) => name),
  );
  return routes;
}

function compareNames(left: RoutedZone, right: RoutedZone): number {
  return left.name < right.name ? -1 : 1;
}
