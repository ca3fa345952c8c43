// Places at a holder are spread over racks: what a holder gives is passed on within a rack, so that the uplink of no rack is left
// out of the first copies, and none carries all of them.

import type { DirectoryNode } from './directory-node.ts';

/**
 * The member that is to give its place to one of another rack, because its own rack has at least two more.
 * @param members those who have the places. @returns undefined while racks are even, or when nobody says where it stands.
 */
export function crowdedMember(members: Iterable<DirectoryNode>, rack: string): DirectoryNode | undefined {
  const counts = new Map<string, number>([[rack, 0]]);
  const last = new Map<string, DirectoryNode>();
  for (const member of members) {
    counts.set(member.rack, (counts.get(member.rack) ?? 0) + 1);
    last.set(member.rack, member);
  }
  let [crowded, most] = [rack, counts.get(rack) ?? 0];
  for (const [each, count] of counts) if (count > most) [crowded, most] = [each, count];
  return most - (counts.get(rack) ?? 0) >= 2 ? last.get(crowded) : undefined;
}
