import { InvalidArgumentError } from 'commander'

/** Rejects empty values: an unset shell variable must not widen a filter, a payment or a close. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty')
  return text
}
