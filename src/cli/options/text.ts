import { InvalidArgumentError } from 'commander'

/** A shell variable that is not set must not widen what is asked for, paid or closed. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty')
  return text
}

export const plural = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`

/** What the lines of an export hold, counted. */
export const KIND_LABELS = {
  execution: 'Runs',
  step: 'Steps',
  audit: 'Audit entries',
  bill: 'Bills',
  metric: 'Metrics',
}
