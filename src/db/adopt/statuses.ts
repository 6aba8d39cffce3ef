import type pg from 'pg'
import { plural } from '../../numbers.ts'
import type { Constraint } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { literal } from '../query/sql.ts'
import type { Obstacle } from './obstacles.ts'
import { STATUS_WORDS } from './status-words.ts'

/** The status of wfstore for a value of another application; undefined if there is none. */
export function statusFor(table: string, value: string): string | undefined {
  const word = value
    .replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
    .toLowerCase()
    .replaceAll(/[ -]/g, '_')
  return Object.entries(STATUS_WORDS[table] ?? {}).find(([, words]) => words.includes(word))?.[0]
}

const SHOWN_VALUES = 20

/**
 * Statuses that the check would refuse, each with the number of its rows and the statement that maps it.
 * @param mapped true if adoption maps those that it knows
 */
export async function statusObstacles(
  client: pg.Client,
  check: Constraint,
  mapped: boolean,
): Promise<Obstacle[]> {
  const { tableName, expression } = check
  if (expression === null) return []
  const values = await query(
    client,
    `select status::text as value, count(*) as rows from ${tableName} where (${expression}) is false
     group by 1 order by 2 desc, 1`,
    { value: d.text(), rows: d.count() },
  )
  const found = values
    .map((one) => ({ ...one, status: statusFor(tableName, one.value) }))
    .filter(({ status }) => status === undefined || !mapped)
  if (found.length === 0) return []
  // Values that need a decision come first.
  const ordered = [
    ...found.filter(({ status }) => status === undefined),
    ...found.filter(({ status }) => status !== undefined),
  ]
  const shown = ordered
    .slice(0, SHOWN_VALUES)
    .map(({ value, rows }) => `${JSON.stringify(value)} (${plural(rows, 'row')})`)
  const others = ordered.length - shown.length
  const more = others > 0 ? ` and ${plural(others, 'other value')}` : ''
  const known = Object.keys(STATUS_WORDS[tableName] ?? {})
    .map(literal)
    .join(', ')
  const update = (value: string, status: string) =>
    `update ${tableName} set status = ${status} where status = ${literal(value)}`
  const fixes = ordered.slice(0, SHOWN_VALUES).map(({ value, status }) =>
    status === undefined
      ? // wfstore cannot know what it means.
        `${update(value, '...')} (with one of ${known})`
      : update(value, literal(status)),
  )
  return [
    {
      what: `${tableName} has unknown values of status: ${shown.join(', ')}${more}`,
      fix: fixes.join('; '),
    },
  ]
}
