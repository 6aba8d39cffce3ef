import type { ExecutionOutline, OutlinedStep } from '../../../queries/executions/outline.ts'
import { href, type LinkBase } from '../links.ts'

/** The number of steps of a page of the list. */
export const STEPS = 50

/** The parameters of the page of a run. */
export const PARAMETERS = ['from', 'step', 'status', 'cursor']

/** The place in the page of a step. */
export const anchorOf = ({ stepId }: Pick<OutlinedStep, 'stepId'>): string => `step-${stepId}`

/** The address of the list of steps where the step at this place is. */
export function stepsHref(base: LinkBase, run: ExecutionOutline, place: number): string {
  const step = run.steps[place]
  const from = Math.floor(place / STEPS) * STEPS
  const address = href(base, `/executions/${run.executionId}`, {
    from: from === 0 ? null : from + 1,
  })
  return `${address}#${step ? anchorOf(step) : 'steps'}`
}
