import { WfstoreError } from '../../error.ts'

/** The days of the calendar repeat after 400 years. PostgreSQL has years that a Date does not have. */
const CYCLE_YEARS = 400
const CYCLE_MS = 146_097 * 86_400_000
const EPOCH_MS = Date.UTC(2000, 0, 1)

/** What PostgreSQL stores for the two infinities. */
const INFINITIES: Readonly<Record<string, bigint>> = {
  infinity: 2n ** 63n - 1n,
  '-infinity': -(2n ** 63n),
}

const TIME =
  /^(\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)( BC)?$/

/** Microseconds since 2000, as PostgreSQL stores a time. @param text a time of a row */
export function microsOf(text: string): bigint {
  const infinity = INFINITIES[text]
  if (infinity !== undefined) return infinity
  const parts = TIME.exec(text)
  if (!parts) throw new WfstoreError('failed', `${JSON.stringify(text)} is not a time`)
  const number = (place: number) => Number(parts[place] ?? 0)
  const year = parts[12] === undefined ? number(1) : 1 - number(1)
  const cycles = Math.floor((year - 2000) / CYCLE_YEARS)
  const offset = (number(9) * 3600 + number(10) * 60 + number(11)) * (parts[8] === '-' ? -1 : 1)
  const ms = Date.UTC(
    year - cycles * CYCLE_YEARS,
    ...([number(2) - 1, number(3), number(4), number(5), number(6) - offset] as const),
  )
  const whole = BigInt(cycles) * BigInt(CYCLE_MS) + BigInt(ms - EPOCH_MS)
  return whole * 1000n + BigInt((parts[7] ?? '').padEnd(6, '0'))
}

/** The text of such a time, which PostgreSQL reads as the same time. */
export function timeOfMicros(micros: bigint): string {
  const infinity = Object.keys(INFINITIES).find((name) => INFINITIES[name] === micros)
  if (infinity !== undefined) return infinity
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const ms = (micros - fraction) / 1000n
  const cycle = BigInt(CYCLE_MS)
  const cycles = Number((ms - (((ms % cycle) + cycle) % cycle)) / cycle)
  const date = new Date(Number(ms - BigInt(cycles) * cycle) + EPOCH_MS)
  const year = date.getUTCFullYear() + cycles * CYCLE_YEARS
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0')
  const rest = `${date.toISOString().slice(4, -5)}.${String(fraction).padStart(6, '0')}Z`
  return `${shown}${rest}${year > 0 ? '' : ' BC'}`
}
