// When a node may be sent clients.

/** How long a starting node waits for its first session; then it counts as serving on its own and says that it is ready. */
const FIRST_SESSION_WAIT_MS = 5000;

/**
 * Ready means: joined to the coordinator, or able to serve on its own what it holds. A node that just started is not
 * ready before its first session, so that what waits for it does not meet errors that a moment later would be gone.
 */
export function readiness(state: {
  readonly isStopping: boolean;
  readonly hadSession: boolean;
  readonly upMs: number;
}): { readonly ready: boolean; readonly reason?: string } {
  if (state.isStopping) return { ready: false, reason: 'stopping' };
  if (state.hadSession || state.upMs >= FIRST_SESSION_WAIT_MS) return { ready: true };
  return { ready: false, reason: 'no session with the coordinator yet' };
}
