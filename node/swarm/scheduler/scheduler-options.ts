// What a scheduler is made with.

export interface SchedulerOptions {
  readonly pieceCount: number;
  /** Requests per neighbour until `setDepth` says otherwise. */
  readonly depth: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Silence allowed before anything was measured. Default 3000. */
  readonly firstDeadlineMs?: number;
  /** Silence that is always allowed: a busy host may well not answer for so long. Default 500. */
  readonly minDeadlineMs?: number;
  /** Whether a piece may be asked of a neighbour now; what was refused is asked at `roomAgain`. Default: always. */
  readonly mayAsk?: (neighbour: number) => boolean;
}
