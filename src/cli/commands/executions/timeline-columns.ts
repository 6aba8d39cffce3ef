import type { Environment } from '../../../db/connect/libpq.ts'
import { formatDuration } from '../../../numbers.ts'
import type { ExecutionWithSteps } from '../../../queries/executions/executions.ts'
import { knownCost } from '../../../queries/executions/known.ts'
import type { Column } from '../../output/column.ts'
import { drawSpan, plainLocale } from '../../output/text/marks.ts'
import type { TimelineRow } from '../../output/timeline/row.ts'
import { timelineOf } from '../../output/timeline/timeline.ts'

/** The steps of a run as bars over time: on a terminal, elsewhere only if --columns names it. */
export function timelineColumn(now: () => Date, env: Environment): Column<ExecutionWithSteps> {
  const ascii = plainLocale(env)
  const columns: Column<TimelineRow>[] = [
    { name: 'label', header: '#', kind: 'text', priority: 10 },
    { name: 'name', header: 'STEP', kind: 'text', flex: { min: 12 }, priority: 9 },
    {
      name: 'bar',
      header: '0s',
      kind: 'bar',
      priority: 10,
      span: {
        draw: (row, width) => drawSpan(row, width, ascii),
        end: ({ spanMs }) => formatDuration(spanMs),
      },
    },
    { name: 'startMs', kind: 'duration', table: false },
    { name: 'endMs', kind: 'duration', table: false },
    { name: 'status', kind: 'status', table: false },
    { name: 'durationMs', header: 'TIME', kind: 'duration', priority: 8 },
    { name: 'costShare', header: 'COST %', kind: 'share', priority: 9 },
    { name: 'note', kind: 'text', flex: { min: 20 }, priority: 7 },
  ]
  return {
    name: 'timeline',
    kind: 'rows',
    terminalOnly: true,
    value: (run) => timelineOf(drawn(run), now()).rows,
    columns: columns as readonly Column<never>[],
    foot: (run) => timelineOf(drawn(run), now()).summary,
  }
}

const drawn = (run: ExecutionWithSteps) => ({
  ...run,
  steps: run.steps.map((step) => ({ ...step, cost: knownCost(step) })),
})
