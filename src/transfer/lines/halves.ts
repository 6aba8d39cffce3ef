import type pg from 'pg'
import { describe } from '../../db/query/errors.ts'

export interface RangeAttempt {
  /** Does all items from `first` to `last`. @returns the number of rows */
  try: (first: number, last: number) => Promise<number>
  /** Called with an item that the server refuses. */
  refuse: (item: number, reason: string) => Promise<void> | void
  /** One refusal is enough: try no other item. */
  enough: () => boolean
}

/**
 * Does something for many items at once. When the server refuses the content, each half is tried, down to the items that
 * it refuses. So nothing here has to know what a server may refuse.
 */
export async function inHalves(
  client: pg.ClientBase,
  first: number,
  last: number,
  attempt: RangeAttempt,
): Promise<number> {
  if (attempt.enough()) return 0
  await client.query('savepoint attempt')
  try {
    const rows = await attempt.try(first, last)
    await client.query('release savepoint attempt')
    return rows
  } catch (error) {
    const { code = '', message } = describe(error)
    if (!REFUSALS.test(code)) throw error
    await client.query('rollback to savepoint attempt; release savepoint attempt')
    if (first === last) {
      const { detail } = error as { detail?: string }
      await attempt.refuse(first, detail ? `${message}: ${detail.split('\n')[0]}` : message)
      return 0
    }
  }
  const middle = Math.floor((first + last) / 2)
  const rows = await inHalves(client, first, middle, attempt)
  return rows + (await inHalves(client, middle + 1, last, attempt))
}

/** Data exceptions, violated constraints, exceeded limits, and errors that a trigger raises. */
const REFUSALS = /^(22|23|54)...$|^P0001$/
