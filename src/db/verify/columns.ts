import { LOSSLESS } from '../adopt/legacy.ts'
import type { CatalogColumn, ReadColumn } from '../catalog.ts'
import { quote } from '../query/sql.ts'
import {
  type Comparison,
  type Difference,
  fullName,
  isOurView,
  pairUp,
  recreateView,
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
    // A view with other columns is not ours, and is not dropped.
    const views = expected.views.filter(
      (view) =>
        live.views.some((found) => found.name === view.name && isOurView(view, found)) &&
        readers.some(
          ({ viewName, ...read }) => viewName === view.name && isSameColumn(read, wanted),
        ),
    )
    // PostgreSQL refuses to change the type of a column that a view uses.
    const around: Around = (statements) =>
      views.reduce((inner, view) => recreateView(view, comparison, inner), statements)
    return columnDifference(wanted, found, around)
  })
  return [...differences, ...extras.map(extraColumn)]
}

const isSameColumn = (a: Omit<ReadColumn, 'viewName'>, b: CatalogColumn) =>
  a.tableName === b.tableName && a.name === b.name

/** Wraps statements in DROP and CREATE of the views that block them. */
type Around = (statements: string[]) => string[]

function columnDifference(
  wanted: CatalogColumn,
  found: CatalogColumn | undefined,
  around: Around,
): Difference[] {
  const { tableName, name } = wanted
  const definition = describeColumn(wanted)
  const common = { kind: 'column', name: fullName(wanted), expected: definition } as const
  if (!found) {
    const fix = script(`alter table ${tableName} add column ${name} ${definition}`)
    return [{ ...common, state: 'missing', found: null, fix }]
  }
  const actual = describeColumn(found)
  if (actual === definition) return []
  return [
    {
      ...common,
      state: 'differs',
      found: actual,
      fix: script(...alterations(found, wanted, around)),
    },
  ]
}

/** The text after `add column NAME`. */
export function describeColumn(column: CatalogColumn): string {
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

function alterations(from: CatalogColumn, to: CatalogColumn, around: Around): string[] {
  const { tableName, name } = to
  const actions: string[] = []
  const act = (action: string) => actions.push(`alter column ${name} ${action}`)
  const retyped = from.type !== to.type || from.collation !== to.collation
  const value = from.generated ? null : from.defaultValue
  // A default is created again for the new type instead of cast.
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

const collationOf = ({ collation }: CatalogColumn) =>
  collation === null ? '' : ` collate ${quote(collation)}`

/**
 * The USING clause, if the server needs one or would use the time zone of the session. Through text no digit is lost: a
 * value that does not fit, such as 1.5 in a bigint, is an error.
 */
function conversion(
  { baseType }: CatalogColumn,
  { name, type, baseType: wanted }: CatalogColumn,
): string {
  if (wanted === 'timestamptz' && baseType === 'timestamp')
    return ` using ${name} at time zone 'UTC'`
  return baseType === wanted || LOSSLESS[wanted]?.includes(baseType)
    ? ''
    : ` using ${name}::text::${type}`
}

/** New numbers continue after the existing ones. */
function identification({ tableName, name }: CatalogColumn, identity: string): string[] {
  return [
    `alter table ${tableName} alter column ${name} add generated ${identity} as identity`,
    `select setval(pg_get_serial_sequence('${tableName}', '${name}'), (select coalesce(max(${name}), 0) + 1 from ${tableName}), false)`,
  ]
}

/** A column of the application must accept rows that do not set it. */
function extraColumn(column: CatalogColumn): Difference {
  const { tableName, name, notNull, defaultValue, identity } = column
  const common = { kind: 'column', name: fullName(column), found: describeColumn(column) } as const
  if (notNull && defaultValue === null && identity === null) {
    return {
      ...common,
      state: 'differs',
      expected: 'nullable, or with a default',
      fix: script(`alter table ${tableName} alter column ${quote(name)} drop not null`),
    }
  }
  return {
    ...common,
    state: 'extra',
    expected: null,
    fix: null,
  }
}
