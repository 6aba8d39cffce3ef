/** A line of a run's timeline. Milliseconds are counted from the start of the run. */
export interface TimelineRow {
  /** '3', '4-27' of steps that are drawn as one, '' of a wait between steps. */
  label: string
  name: string
  status: string
  /** None where the step has no times. */
  startMs: number | null
  /** The run's own end, or now, for a step that has not ended. */
  endMs: number | null
  open: boolean
  durationMs: number | null
  /** Of the cost of the run, from 0 to 1. */
  costShare: number | null
  note: string
  /** How long the whole run is. */
  spanMs: number
}
