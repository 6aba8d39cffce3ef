import { InvalidArgumentError } from 'commander'

/** Rejects empty values: an unset shell variable must not widen a filter, a payment or a close. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty')
  return text
}

/** A parser of whole numbers from `least` to `most`. */
export const wholeNumber =
  (least: number, most = 999_999_999) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    const range = most === 999_999_999 ? `of at least ${least}` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`It must be a whole number ${range}`)
  }

/** A parser of a comma-separated list of these words. */
export const listOf =
  <Word extends string>(words: readonly Word[]) =>
  (text: string): Word[] => {
    const names = text.split(',').map((name) => name.trim())
    if (names.every((name) => (words as readonly string[]).includes(name))) return names as Word[]
    throw new InvalidArgumentError(`It must be one or more of ${words.join(', ')}`)
  }
