import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { FleetDatabase } from '../../../coordinator/database/fleet-database.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('What may wait for the next flush is there after a restart, before and after what may not', async () => {
  await using folder = await openTemporaryFolder('fleet-database');
  const path = join(folder.path, 'coordinator.db');
  const node = (nodeId: string) => ({ nodeId, serial: `serial of ${nodeId}`, expiresMs: 2 });
  {
    using database = FleetDatabase.open(path, { metrics: new Metrics() });
    database.change('announce', () => database.nodes.insert(node('a'), 1), { flush: 'with-next' });
    database.change('roster', () => database.nodes.insert(node('b'), 1));
    database.change('announce', () => database.nodes.insert(node('c'), 1), { flush: 'with-next' });
  }

  using again = FleetDatabase.open(path, { metrics: new Metrics() });

  assert.deepEqual(
    again.nodes.all().map(({ nodeId }) => nodeId),
    ['a', 'b', 'c'],
  );
});
