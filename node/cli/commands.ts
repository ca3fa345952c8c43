// All commands, in the order of the help page.

import type { Command } from './command.ts';
import { auditCommand } from './commands/audit.ts';
import { coordinatorCommand } from './commands/coordinator.ts';
import { garbageCollectCommand } from './commands/garbage-collect.ts';
import { gcCommand } from './commands/gc.ts';
import { importCommand } from './commands/import.ts';
import { nodeRemoveCommand } from './commands/node-remove.ts';
import { nodeCommand } from './commands/node.ts';
import { notificationsListCommand } from './commands/notifications-list.ts';
import { notificationsRedeliverCommand } from './commands/notifications-redeliver.ts';
import { pullsCommand } from './commands/pulls.ts';
import { robotCreateCommand } from './commands/robot-create.ts';
import { robotListCommand } from './commands/robot-list.ts';
import { robotRevokeCommand } from './commands/robot-revoke.ts';
import { rolloutCommand } from './commands/rollout.ts';
import { serveCommand } from './commands/serve.ts';
import { statusCommand } from './commands/status.ts';
import { tokenCreateCommand } from './commands/token-create.ts';
import { upCommand } from './commands/up.ts';
import { userAddCommand } from './commands/user-add.ts';
import { userGrantCommand, userRevokeCommand } from './commands/user-grant.ts';
import { userListCommand } from './commands/user-list.ts';
import { userPasswdCommand } from './commands/user-passwd.ts';
import { userRemoveCommand } from './commands/user-remove.ts';
import { versionCommand } from './commands/version.ts';

/** None of them loads what only another one needs: they import the heavy parts when they run. */
export const COMMANDS: readonly Command[] = [
  upCommand,
  coordinatorCommand,
  nodeCommand,
  serveCommand,
  tokenCreateCommand,
  nodeRemoveCommand,
  statusCommand,
  rolloutCommand,
  pullsCommand,
  gcCommand,
  auditCommand,
  notificationsListCommand,
  notificationsRedeliverCommand,
  importCommand,
  userAddCommand,
  userListCommand,
  userGrantCommand,
  userRevokeCommand,
  userPasswdCommand,
  userRemoveCommand,
  robotCreateCommand,
  robotListCommand,
  robotRevokeCommand,
  versionCommand,
];

/** What the registry container's own program can do. */
export const REGISTRY_COMMANDS: readonly Command[] = [serveCommand, garbageCollectCommand, versionCommand];
