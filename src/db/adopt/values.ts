import type pg from 'pg'
import { runOn } from '../query/query.ts'
import { FAULTS, type FixPlace, faultText, findFaults, type ValueFault } from '../values.ts'
import type { Obstacle } from './obstacles.ts'
import { type Survey, tableOf } from './survey.ts'
import { zoneOf } from './zones.ts'

/** Rows that make reports wrong, with the statements that change them. @param checked the columns of a check of the table */
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
  return found.map((rows) => ({ what: faultText(rows), fix: rows.fault.fix(placeOf(survey)) }))
}

/** Rows that adoption takes as they are, but that are probably wrong: their ids, and a statement that changes them. */
export async function valueWarnings(client: pg.Client, survey: Survey): Promise<string[]> {
  const lines: string[] = []
  for (const table of survey.tables) {
    const faults = faultsOf(survey, table).filter(({ harmful }) => !harmful)
    for (const rows of await findFaults(runOn(client), faults))
      lines.push(
        `warning: ${faultText(rows)}; check them, then run: ${rows.fault.fix(placeOf(survey))}`,
      )
  }
  return lines
}

/** The faults that a column of this table and type can have. */
function faultsOf(survey: Survey, table: string): ValueFault[] {
  const types = new Map(tableOf(survey, table).columns.map((one) => [one.name, one.baseType]))
  return FAULTS.filter(
    (fault) =>
      fault.table === table &&
      types.has(fault.key) &&
      fault.columns.every((name) => fault.types.includes(types.get(name) ?? '')),
  )
}

/** The old application gave each bill the month of its time. */
function placeOf(survey: Survey): FixPlace {
  const column = tableOf(survey, 'billing_records').columns.find(({ name }) => name === 'timestamp')
  const zone = zoneOf(survey.zones, 'billing_records', 'timestamp')
  const time = column?.baseType === 'timestamptz' ? `timestamp at time zone '${zone}'` : 'timestamp'
  return { prefix: '', month: `to_char(${time}, 'YYYY-MM')` }
}
