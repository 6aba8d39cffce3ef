import { InvalidArgumentError } from 'commander'

/** A shell variable that is not set must not widen what is asked for, paid or closed. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty')
  return text
}
