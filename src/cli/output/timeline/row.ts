/** A line of a run's timeline. Milliseconds are counted from the start of the run. */
export interface TimelineRow {
  /** '3'; '4-27' for folded steps; '' for a wait between steps. */
  label: string
  /** The place of its first step among all steps, from 0; null for a wait. */
  place: number | null
  name: string
  status: string
  /** Null if the step has no times. */
  startMs: number | null
  /** For an unfinished step the end of the run, or now. */
  endMs: number | null
  open: boolean
  durationMs: number | null
  /** Share of the cost of the run, from 0 to 1. */
  costShare: number | null
  note: string
  /** Duration of the whole run. */
  spanMs: number
}
