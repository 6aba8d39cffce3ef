import type pg from 'pg'
import { runOn } from '../query/query.ts'
import { FAULTS, type FixPlace, type ValueFault } from '../values/faults.ts'
import { faultText, findFaults } from '../values/find.ts'
import { fixesOf } from '../values/fix.ts'
import type { Obstacle } from './obstacles.ts'
import { type Survey, tableOf } from './survey.ts'
import { zoneOf } from './zones.ts'

/** Rows that make reports wrong, with the statement that changes them. @param checked the columns of the new checks */
export async function valueObstacles(
  client: pg.Client,
  survey: Survey,
  table: string,
  checked: readonly string[],
): Promise<Obstacle[]> {
  const faults = faultsOf(survey, table).filter(
    ({ harmful, columns }) => harmful && columns.every((name) => checked.includes(name)),
  )
  const found = await findFaults(runOn(client), faults)
  const [fix] = fixesOf(found, placeOf(survey, table))
  return found.map((rows) => ({ what: faultText(rows), ...(fix === undefined ? {} : { fix }) }))
}

/** Rows that adoption takes as they are, but that are probably wrong: their ids, and a statement that changes them. */
export async function valueWarnings(client: pg.Client, survey: Survey): Promise<string[]> {
  const lines: string[] = []
  for (const table of survey.tables) {
    const faults = faultsOf(survey, table).filter(({ harmful }) => !harmful)
    for (const rows of await findFaults(runOn(client), faults))
      lines.push(
        `warning: ${faultText(rows)}; check them, then run: ${fixesOf([rows], placeOf(survey, table)).join('; ')}`,
      )
  }
  return lines
}

/** The faults that the columns of this table and their types can have. */
function faultsOf(survey: Survey, table: string): ValueFault[] {
  const types = typesOf(survey, table)
  return FAULTS.filter(
    (fault) =>
      fault.table === table &&
      types.has(fault.key) &&
      fault.columns.every((name) => fault.types.includes(types.get(name) ?? '')),
  )
}

const typesOf = (survey: Survey, table: string) =>
  new Map(tableOf(survey, table).columns.map((one) => [one.name, one.baseType]))

/** A bill has the month of its time, in the zone of the old times. */
function placeOf(survey: Survey, table: string): FixPlace {
  const types = typesOf(survey, table)
  const zone = zoneOf(survey.zones, 'billing_records', 'timestamp')
  const local = (time: string) =>
    types.get('timestamp') === 'timestamptz' ? `(${time}) at time zone '${zone}'` : time
  return {
    prefix: '',
    now: types.get('created_at') === 'timestamp' ? 'localtimestamp' : 'now()',
    month: (time) => ({ billing_period: `to_char(${local(time)}, 'YYYY-MM')` }),
  }
}
