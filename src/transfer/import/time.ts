import { parseInstant } from '../../instant.ts'

const EXPECTED =
  'not a time such as 2024-12-01T08:00:00.000000Z: RFC 3339 with its zone, to the microsecond at most'

/** What is wrong with a value that must be a time. */
export function timeProblem(value: unknown): string | undefined {
  const instant = typeof value === 'string' ? parseInstant(value) : 'malformed'
  if (instant === 'outside') return 'not a time of the years 1 to 9999'
  if (instant === 'nonexistent') return 'a time that does not exist'
  // PostgreSQL would round to six digits.
  return instant === 'malformed' || instant.digits > 6 ? EXPECTED : undefined
}
