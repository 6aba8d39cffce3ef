import type { FixPlace, ValueFault } from './faults.ts'
import type { FaultyRows } from './find.ts'

/**
 * The statements that change these rows. No value is lost: each replaces one that is no value, keeps it elsewhere, or has `...`
 * where only a person knows the right one. Harmful faults of a table are in one statement, because its checks refuse a row that
 * still has another of them.
 */
export function fixesOf(found: readonly FaultyRows[], place: FixPlace): string[] {
  const faults = found.map(({ fault }) => fault)
  const tables = [...new Set(faults.map(({ table }) => table))]
  const of = (table: string) => faults.filter((fault) => fault.harmful && fault.table === table)
  return [
    ...tables.flatMap((table) => {
      const own = of(table)
      if (own.length === 0) return []
      const statement = update(own, place)
      return table === 'workflow_executions' && of('workflow_steps').length > 0
        ? [WITHOUT_TRIGGERS, statement, WITH_TRIGGERS]
        : [statement]
    }),
    ...faults.filter(({ harmful }) => !harmful).map((fault) => update([fault], place)),
  ]
}

/** A trigger adds up the steps of a changed run, and the run of a changed step: the checks refuse both until both are right. */
const WITHOUT_TRIGGERS = `set wfstore.keeps_totals = 'on'`
const WITH_TRIGGERS = 'reset wfstore.keeps_totals'

function update(faults: readonly ValueFault[], place: FixPlace): string {
  const alone = faults.length === 1
  const values = faults.flatMap((fault) =>
    Object.entries(fault.set(place, alone)).map(([column, value]) =>
      alone
        ? `${column} = ${value}`
        : `${column} = case when ${fault.condition} then ${value} else ${column}${column === 'metadata' ? '::jsonb' : ''} end`,
    ),
  )
  const where = faults.map(({ condition }) => condition).join(' or ')
  return `update ${place.prefix}${faults[0]?.table} set ${values.join(', ')} where ${where}`
}
