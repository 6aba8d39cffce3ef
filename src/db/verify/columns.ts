import { LOSSLESS } from '../adopt/legacy.ts'
import { quote } from '../adopt/obstacles.ts'
import type { Column, ReadColumn } from '../catalog.ts'
import {
  type Comparison,
  type Difference,
  fullName,
  pairUp,
  remakeView,
  script,
} from './difference.ts'

/** @param readers the columns that the views of the live schema read */
export function compareColumns(
  comparison: Comparison,
  readers: readonly ReadColumn[],
): Difference[] {
  const { expected, live } = comparison
  const { pairs, extras } = pairUp(expected.columns, live.columns, () => false)
  const differences = pairs.flatMap(({ wanted, found }) => {
    const views = expected.views.filter(({ name }) =>
      readers.some(({ viewName, ...read }) => viewName === name && isSameColumn(read, wanted)),
    )
    // The server lets nobody change the type of a column under a view.
    const around: Around = (statements) =>
      views.reduce((inner, view) => remakeView(view, comparison, inner), statements)
    return columnDifference(wanted, found, around)
  })
  return [...differences, ...extras.map(extraColumn)]
}

const isSameColumn = (a: Omit<ReadColumn, 'viewName'>, b: Column) =>
  a.tableName === b.tableName && a.name === b.name

/** Puts what a view forbids between its end and its new beginning. */
type Around = (statements: string[]) => string[]

function columnDifference(wanted: Column, found: Column | undefined, around: Around): Difference[] {
  const { tableName, name } = wanted
  const definition = describeColumn(wanted)
  const told = { kind: 'column', name: fullName(wanted), expected: definition } as const
  if (!found) {
    const mend = script(`alter table ${tableName} add column ${name} ${definition}`)
    return [{ ...told, state: 'missing', found: null, mend }]
  }
  const actual = describeColumn(found)
  if (actual === definition) return []
  return [
    {
      ...told,
      state: 'differs',
      found: actual,
      mend: script(...alterations(found, wanted, around)),
    },
  ]
}

/** As `add column NAME` takes it. */
export function describeColumn(column: Column): string {
  const { type, collation, notNull, identity, generated, defaultValue } = column
  return [
    type,
    collation === null ? '' : `collate ${quote(collation)}`,
    notNull ? 'not null' : '',
    identity === null ? '' : `generated ${identity} as identity`,
    generated ? `generated always as (${defaultValue}) stored` : '',
    defaultValue === null || generated ? '' : `default ${defaultValue}`,
  ]
    .filter(Boolean)
    .join(' ')
}

function alterations(from: Column, to: Column, around: Around): string[] {
  const { tableName, name } = to
  const actions: string[] = []
  const act = (action: string) => actions.push(`alter column ${name} ${action}`)
  const retyped = from.type !== to.type || from.collation !== to.collation
  const value = from.generated ? null : from.defaultValue
  // A default is made anew with the type, rather than cast.
  const redefault = value !== to.defaultValue || (retyped && to.defaultValue !== null)
  if (from.generated) act('drop expression')
  if (from.identity !== null && to.identity === null) act('drop identity')
  if (value !== null && redefault && (retyped || to.defaultValue === null)) act('drop default')
  if (retyped) act(`type ${to.type}${collationOf(to)}${conversion(from, to)}`)
  if (to.defaultValue !== null && redefault) act(`set default ${to.defaultValue}`)
  if (from.notNull !== to.notNull) act(`${to.notNull ? 'set' : 'drop'} not null`)
  if (to.identity !== null && from.identity !== null && to.identity !== from.identity) {
    act(`set generated ${to.identity}`)
  }
  const altered = actions.length === 0 ? [] : [`alter table ${tableName} ${actions.join(', ')}`]
  const statements =
    to.identity !== null && from.identity === null
      ? [...altered, ...identification(to, to.identity)]
      : altered
  return retyped ? around(statements) : statements
}

const collationOf = ({ collation }: Column) =>
  collation === null ? '' : ` collate ${quote(collation)}`

/** How values of the old type become the new, where the server would not do it by itself or by the zone of the session. */
function conversion({ baseType }: Column, { name, type, baseType: wanted }: Column): string {
  if (wanted === 'timestamptz' && baseType === 'timestamp')
    return ` using ${name} at time zone 'UTC'`
  return baseType === wanted || LOSSLESS[wanted]?.includes(baseType)
    ? ''
    : ` using ${name}::${type}`
}

/** Numbers go on after those that are there. */
function identification({ tableName, name }: Column, identity: string): string[] {
  return [
    `alter table ${tableName} alter column ${name} add generated ${identity} as identity`,
    `select setval(pg_get_serial_sequence('${tableName}', '${name}'), (select coalesce(max(${name}), 0) + 1 from ${tableName}), false)`,
  ]
}

/** A column of the application's must let rows in that do not know of it. */
function extraColumn(column: Column): Difference {
  const { tableName, name, notNull, defaultValue, identity } = column
  const told = { kind: 'column', name: fullName(column), found: describeColumn(column) } as const
  if (notNull && defaultValue === null && identity === null) {
    return {
      ...told,
      state: 'differs',
      expected: 'nullable, or with a default',
      mend: script(`alter table ${tableName} alter column ${quote(name)} drop not null`),
    }
  }
  return {
    ...told,
    state: 'extra',
    expected: null,
    mend: script(`alter table ${tableName} drop column ${quote(name)}`),
  }
}
