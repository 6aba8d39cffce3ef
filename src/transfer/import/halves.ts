import type pg from 'pg'
import { describe } from '../../db/query/errors.ts'

export interface Attempt {
  /** Does all of the items from `first` to `last`. @returns how many rows came of it */
  try: (first: number, last: number) => Promise<number>
  /** The server refuses this one item. */
  refuse: (item: number, reason: string) => Promise<void> | void
  /** Nothing more is wanted: one refusal was enough. */
  enough: () => boolean
}

/**
 * Does something for many items at once. Where the server refuses what is in them, halves are tried, down to the items
 * that it refuses, so that it need not be known beforehand what any server might refuse.
 */
export async function inHalves(
  client: pg.ClientBase,
  first: number,
  last: number,
  attempt: Attempt,
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

/** Data exceptions, violated constraints, exceeded limits, and what a trigger raises. */
const REFUSALS = /^(22|23|54)...$|^P0001$/
