import type pg from 'pg'
import { COPIED, SHARDED } from './layout.ts'

const NUMBERED = new RegExp(
  `(?:\\b(?:${[...SHARDED, ...COPIED].join('|')})\\w*?|unique constraint "[^"]+?)_(\\d{6,})\\b`,
  'g',
)

/**
 * Gives an error of a shard the names that it has on one server. In the text of the shard each name ends with the number of the
 * shard, and Citus passes on this text without the fields for the table and the constraint.
 */
export function renameShards(error: Partial<pg.DatabaseError>): void {
  const { message = '', where = '' } = error
  if (!/\bwfstore_at\(|while executing command on /.test(where)) return
  const numbers = [...message.matchAll(NUMBERED)].map(([, number]) => number)
  const rename = (text: string) =>
    text.replace(/_(\d{6,})\b/g, (found, number) => (numbers.includes(number) ? '' : found))
  error.message = rename(message)
  const [table] = [...error.message.matchAll(/(?:relation|table) "([^"]+)"/g)].reverse()
  error.table = table?.[1] ?? error.table
  error.constraint = /constraint "([^"]+)"/.exec(error.message)?.[1] ?? error.constraint
}
