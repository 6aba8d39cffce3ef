import { type Duration, parseSpan } from './span.ts'

/** Parses a time to wait: a duration, or 0s. */
export const parseQuiet = (text: string): Duration =>
  text === '0s' ? { text, ms: 0 } : parseSpan(text)
