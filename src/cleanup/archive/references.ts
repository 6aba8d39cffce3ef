import pg from 'pg'
import { quote } from '../../db/query/sql.ts'
import { REFERENCES, textOf } from '../../transfer/lines/line.ts'
import { type Effect, isRecorded } from '../effects.ts'
import type { Cleaned } from '../types.ts'

/**
 * SQL that follows a row in its line: the rows of the application that refer to it and lose the reference when it is
 * deleted. The statement that deletes the row reads them in the same snapshot. Of each: its table, its primary key and what its
 * columns were, as text.
 * @param alias of a relation of whole rows of this kind
 */
export function referencesSql(effects: readonly Effect[], kind: Cleaned, alias: string): string[] {
  const each = effects
    .filter((effect) => effect.kind === kind && isRecorded(effect))
    .map((effect) => oneSql(effect, alias))
  return each.length === 0
    ? []
    : [
        `(select ',"${REFERENCES}":' || jsonb_agg(r.reference order by r.reference)::text from (${each.join(' union all ')}) as r)`,
      ]
}

function oneSql({ table, key, nulled, own, others }: Effect, alias: string): string {
  const object = (names: string[]) =>
    `jsonb_build_object(${names.map((name) => `${pg.escapeLiteral(name)}, ${textOf(`x.${quote(name)}`)}`).join(', ')})`
  const match = own.map((name, n) => `x.${name} = ${alias}.${others[n]}`).join(' and ')
  return `select jsonb_build_object('table', ${pg.escapeLiteral(table)}, 'key', ${object(key)}, 'columns', ${object(nulled)}) as reference
    from ${table} x where ${match}`
}
