// The time below which no way of sharing can get (R. Kumar, K. W. Ross, "Peer-assisted file distribution: the minimum distribution
// time", HotWeb 2006): every byte leaves the origin once, enters each host once, and is sent by somebody once per host.

import type { FleetScenario } from './fleet-scenario.ts';

/** Of the hosts at full rate, for the whole image, in milliseconds; without latency, pieces and hashing. */
export function fluidBoundMs(scenario: FleetScenario): number {
  const { hosts, layers, rate, uplink = rate, originUplink = uplink, holders = 1, slow, liars = 0 } = scenario;
  const bytes = layers.reduce((sum, size) => sum + size, 0);
  const slowHosts = slow?.hosts ?? 0;
  const pullers = hosts - liars;
  const uploads = holders * originUplink + uplink * (pullers - slowHosts) + uplink * slowHosts * (slow?.share ?? 1);
  const seconds = Math.max(bytes / (holders * originUplink), bytes / rate, ((pullers - slowHosts) * bytes) / uploads);
  return Math.max(seconds, zoneSeconds(scenario, bytes)) * 1000;
}

/** One copy has to come through the link into each zone that does not hold it. */
function zoneSeconds({ zones }: FleetScenario, bytes: number): number {
  return zones === undefined || zones.count < 2 ? 0 : bytes / zones.rate;
}
