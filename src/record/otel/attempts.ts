import type { SpansOfStep } from './steps.ts'
import { microseconds } from './tree.ts'
import type { TracedStep } from './types.ts'

/** JavaScript cuts the start of a span to milliseconds, so an attempt can seem to begin before the end of the one before. */
const ROUNDING = 1_000

interface Attempt {
  end: number
  number: number
}

/**
 * Numbers the attempts at the same call: model steps with the same parent, model and operation, of which all but the last failed. What
 * follows a success is another call.
 * @param steps in order of their start
 */
export function withAttempts(steps: readonly SpansOfStep[]): readonly TracedStep[] {
  const failures = new Map<string, Attempt>()
  return steps.map(({ step, spans }) => {
    if (step.kind === 'agent') return step
    const resends = spans.reduce((most, { facts }) => Math.max(most, facts.resends ?? 0), 0)
    if (step.kind !== 'model') return { ...step, attempt: resends }
    const places = spans.flatMap(({ facts: { parentSpanId, name } }) =>
      parentSpanId ? [JSON.stringify([parentSpanId, step.requestModel, name])] : [],
    )
    const [start, end] = [microseconds(step.start), microseconds(step.end)]
    const earlier = places
      .map((place) => failures.get(place))
      .find((failure) => failure !== undefined && failure.end <= start + ROUNDING)
    const number = earlier === undefined ? 0 : earlier.number + 1
    for (const place of places)
      if (step.status === 'failed') failures.set(place, { end, number })
      else failures.delete(place)
    return { ...step, attempt: number + resends }
  })
}
