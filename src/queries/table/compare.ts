import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { WfstoreError } from '../../error.ts'

/** A value as it was recorded, in SQL over the row `r`, and the placeholder of the one that is given now. */
export interface Compared {
  name: string
  stored: string
  given: string
}

export const text = (name: string, stored: string, place: number): Compared => ({
  name,
  stored,
  given: `$${place}::text`,
})

export const amount = (name: string, stored: string, place: number): Compared => ({
  name,
  stored: `trim_scale(${stored})::text`,
  given: `trim_scale($${place}::numeric)::text`,
})

export const json = (name: string, stored: string, place: number): Compared => ({
  name,
  stored: `${stored}::text`,
  given: `$${place}::jsonb::text`,
})

export const number = (name: string, stored: string, place: number): Compared => ({
  name,
  stored: `${stored}::text`,
  given: `$${place}::bigint::text`,
})

const LONGEST_VALUE = 60

/**
 * Is what is recorded what is given now?
 * @param from SQL after FROM that gives the recorded row as `r`, or none
 * @returns false where there is no such row
 * @throws WfstoreError conflict, which names each difference
 */
export async function assertSame(
  run: Run,
  what: string,
  from: string,
  fields: readonly Compared[],
  values: readonly unknown[],
): Promise<boolean> {
  const rows = fields.map(({ name, stored, given }) => `('${name}', ${stored}, ${given})`)
  const found = await send(
    run,
    `select f.name, f.stored, f.given from ${from}
     cross join lateral (values ${rows.join(', ')}) as f (name, stored, given)`,
    values,
    { name: d.text(), stored: d.nullable(d.text()), given: d.nullable(d.text()) },
  )
  const differing = found.filter(({ stored, given }) => stored !== given)
  if (differing.length === 0) return found.length > 0
  const named = differing.map(
    ({ name, stored, given }) => `${name} ${shown(stored)}, not ${shown(given)}`,
  )
  throw new WfstoreError('conflict', `${what} was recorded before with ${named.join('; ')}`, {
    hint: 'nothing was changed; give something else an id of its own',
  })
}

function shown(value: string | null): string {
  if (value === null) return 'none'
  const short = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value
  return JSON.stringify(short)
}
