import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { nameOf, textOf } from './validate.ts'

/** The names of a filter of tags with their values. @throws WfstoreError usage for a filter that is not valid or is empty */
export function tagsAsked(name: string, value: unknown): [tag: string, values: string[]][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WfstoreError('usage', `${name} is not an object`, {
      hint: `use ${name}: { team: 'sales' }`,
    })
  const asked = Object.entries(value).map(([tag, values]): [string, string[]] => [
    nameOf(`a name in ${name}`, tag),
    [...new Set([values].flat())].map((one) => textOf(`${name}.${tag}`, one)),
  ])
  const empty = asked.find(([, values]) => values.length === 0)
  if (asked.length === 0 || empty)
    throw new WfstoreError('usage', `${empty ? `${name}.${empty[0]}` : name} is empty`, {
      hint: `give at least one value, or leave out ${name} for all`,
    })
  return asked
}

/** SQL: the row has this tag with one of these values. */
export const hasTag = (column: string, tag: string, values: readonly string[]): Sql =>
  join(
    values.map((value) => sql`${raw(column)} @> ${JSON.stringify({ [tag]: value })}::jsonb`),
    ' or ',
    '(',
    ')',
  )

/** The condition of a filter of tags. It repeats the condition of the partial index, which does not follow from the others. */
export const taggedBy =
  (column: string) =>
  (name: string, value: unknown): Sql => {
    const conditions = tagsAsked(name, value).map(([tag, values]) => hasTag(column, tag, values))
    return sql`${raw(column)} <> '{}' and ${join(conditions, ' and ')}`
  }
