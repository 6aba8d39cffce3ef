import { parseInstant } from '../../instant.ts'

const EXPECTED =
  'not a time such as 2024-12-01T08:00:00.000000Z: RFC 3339 with its zone, to the microsecond at most'

/** A time as an export writes it, of a day that every month has. To read it takes ten times as long as to match it. */
const USUAL =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/

/** What is wrong with a value that must be a time. */
export function timeProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && USUAL.test(value)) return undefined
  const instant = typeof value === 'string' ? parseInstant(value) : 'malformed'
  if (instant === 'outside') return 'not a time of the years 1 to 9999'
  if (instant === 'nonexistent') return 'a time that does not exist'
  // PostgreSQL would round to six digits.
  return instant === 'malformed' || instant.digits > 6 ? EXPECTED : undefined
}
