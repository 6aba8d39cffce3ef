import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, M: 1024 * 1024 }
const MOST = 16 * 1024 * 1024

/** Parses a number of characters such as 500, 64k or 1M: k is 1,024. */
export function parseLength(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([kM]?)$/.exec(text) ?? []
  const length = Number(count) * (UNITS[unit] as number)
  if (length >= 1 && length <= MOST) return length
  throw new InvalidArgumentError(
    'It must be a number of characters such as 500, 64k or 1M, at most 16M',
  )
}
