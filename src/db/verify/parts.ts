import { isOldTrigger } from '../adopt/survey.ts'
import type { Constraint, Index, Trigger } from '../catalog.ts'
import type { Layout } from '../distributed/layout.ts'
import { quote } from '../query/sql.ts'
import {
  type Comparison,
  type Difference,
  fullName,
  type ObjectKind,
  type Part,
  pairUp,
  renameHolder,
  script,
} from './difference.ts'

/** How to describe and fix one kind of part. Statements have no semicolons. */
interface PartRules<T> {
  kind: ObjectKind
  describe: (part: T) => string
  create: (wanted: T) => string[]
  /** Runs before `create` if another kind of object may have the name. */
  renameHolder?: (wanted: T) => string[]
  rename: (found: T, wanted: Part) => string
  /**
   * Set if the existing part is one of ours that was changed; null if nothing fixes it without a loss. Any other is renamed, so
   * that it is not lost.
   */
  replace?: (found: T, wanted: T) => string[] | null | undefined
  /** Set if the part has the right description but is invalid or disabled. */
  fault: (wanted: T, found: T) => Fault | undefined
}

interface Fault {
  state: Difference['state']
  found: string
  fix: string[]
}

function compareParts<T extends Part>(
  wanted: readonly T[],
  live: readonly T[],
  rules: PartRules<T>,
  isSame: (wanted: T, found: T) => boolean,
): Difference[] {
  const { pairs, extras } = pairUp(wanted, live, isSame)
  return [
    ...pairs.flatMap(({ wanted: part, found }) => partDifference(part, found, rules)),
    ...extras.map((extra): Difference => {
      const common = { kind: rules.kind, name: fullName(extra), state: 'extra' } as const
      const fault = rules.fault(extra, extra)
      const found = [rules.describe(extra), ...(fault ? [fault.found] : [])].join(', ')
      return { ...common, expected: null, found, fix: null }
    }),
  ]
}

function partDifference<T extends Part>(
  wanted: T,
  found: T | undefined,
  rules: PartRules<T>,
): Difference[] {
  const { kind, describe } = rules
  const common = { kind, name: fullName(wanted), expected: describe(wanted) }
  if (!found) {
    const fix = script(...(rules.renameHolder?.(wanted) ?? []), ...rules.create(wanted))
    return [{ ...common, state: 'missing', found: null, fix }]
  }
  const renamed = found.name !== wanted.name
  const actual = describe(found)
  const named = renamed ? `${found.name}: ${actual}` : actual
  if (actual !== common.expected) {
    const renaming = [
      rules.rename(found, { tableName: wanted.tableName, name: `${wanted.name}_own` }),
      ...rules.create(wanted),
    ]
    const replacing = rules.replace?.(found, wanted)
    const fix = replacing === null ? null : script(...(replacing ?? renaming))
    return [{ ...common, state: 'differs', found: named, fix }]
  }
  const fault = rules.fault(wanted, found)
  if (!renamed && !fault) return []
  const renaming = renamed ? [rules.rename(found, wanted)] : []
  const fix = script(...renaming, ...(fault?.fix ?? []))
  return [{ ...common, state: fault?.state ?? 'differs', found: fault?.found ?? named, fix }]
}

const KEYS_FIRST = ['p', 'u', 'x', 'c', 'f']

const NOT_VALID = / NOT VALID$/

const describeConstraint = ({ definition }: Constraint) => definition.replace(NOT_VALID, '')

/** Citus renames no constraint, and adds none together with another change. */
const constraintRules = (layout: Layout): PartRules<Constraint> => ({
  kind: 'constraint',
  describe: describeConstraint,
  create: (wanted) => [`alter table ${wanted.tableName} ${addition(wanted)}`],
  rename: (found, { tableName, name: wanted }) =>
    layout === 'single'
      ? `alter table ${tableName} rename constraint ${quote(found.name)} to ${wanted}`
      : replaced(found, { ...found, name: wanted }).join(';\n'),
  // A table has only one primary key, and of two foreign keys on the same columns both would apply. One of another name belongs
  // to the application.
  replace: ({ name }, wanted) => {
    if (wanted.kind !== 'p' && wanted.kind !== 'f') return undefined
    if (name !== wanted.name) return null
    return layout === 'single'
      ? [`alter table ${wanted.tableName} drop constraint ${quote(name)}, ${addition(wanted)}`]
      : replaced({ name }, wanted)
  },
  fault: ({ tableName, name }, { validated }) =>
    validated
      ? undefined
      : {
          state: 'invalid',
          found: 'not validated',
          fix: [`alter table ${tableName} validate constraint ${name}`],
        },
})

const replaced = ({ name }: { name: string }, wanted: Constraint) => [
  `alter table ${wanted.tableName} drop constraint ${quote(name)}`,
  `alter table ${wanted.tableName} ${addition(wanted)}`,
]

const addition = ({ name, definition }: Constraint) => `add constraint ${name} ${definition}`

/** Keys come before the foreign keys that reference them. */
export function compareConstraints({
  expected,
  live,
  relations,
  layout,
}: Comparison): Difference[] {
  const wanted = [...expected.constraints].sort(
    (a, b) => KEYS_FIRST.indexOf(a.kind) - KEYS_FIRST.indexOf(b.kind),
  )
  const rules = {
    ...constraintRules(layout),
    // A key has an index of the same name.
    renameHolder: ({ kind, name }: Constraint) =>
      'cf'.includes(kind) ? [] : renameHolder(name, relations),
  }
  return compareParts(wanted, live.constraints, rules, isSameConstraint)
}

/** A table has only one primary key. Of two foreign keys on the same columns both would apply. */
function isSameConstraint(wanted: Constraint, found: Constraint): boolean {
  if (wanted.kind !== found.kind) return false
  if (wanted.kind === 'p') return true
  if (wanted.kind === 'f')
    return wanted.columns === found.columns && wanted.referenced === found.referenced
  return describeConstraint(wanted) === describeConstraint(found)
}

export function compareIndexes({ expected, live, relations }: Comparison): Difference[] {
  const create = (index: Index) => indexCreation(index, 'concurrently ')
  const rules: PartRules<Index> = {
    kind: 'index',
    describe: ({ unique, shape }) => `${unique ? 'UNIQUE ' : ''}${shape}`,
    create: (wanted) => [create(wanted)],
    renameHolder: ({ name }) => renameHolder(name, relations),
    rename: ({ name }, wanted) => `alter index ${quote(name)} rename to ${wanted.name}`,
    fault: (wanted, { valid }) =>
      valid
        ? undefined
        : {
            state: 'invalid',
            found: 'invalid',
            fix: [`drop index concurrently ${wanted.name}`, create(wanted)],
          },
  }
  return compareParts(
    expected.indexes,
    live.indexes,
    rules,
    (wanted, found) => found.valid && rules.describe(wanted) === rules.describe(found),
  )
}

export const indexCreation = ({ unique, name, tableName, shape }: Index, how = ''): string =>
  `create ${unique ? 'unique ' : ''}index ${how}${name} on ${tableName} ${shape}`

export const triggerCreation = ({ name, shape }: Trigger): string =>
  `create trigger ${name} ${shape}`

const FIRES: Record<string, string> = {
  D: 'disabled',
  R: 'fires in replicas only',
  A: 'fires in replicas too',
}

const triggerRules: PartRules<Trigger> = {
  kind: 'trigger',
  describe: ({ shape }) => shape,
  create: (wanted) => [triggerCreation(wanted)],
  replace: (found, wanted) =>
    found.functionName === wanted.functionName || isOldTrigger(found)
      ? [`drop trigger ${quote(found.name)} on ${found.tableName}`, triggerCreation(wanted)]
      : undefined,
  rename: ({ name }, { tableName, name: wanted }) =>
    `alter trigger ${quote(name)} on ${tableName} rename to ${wanted}`,
  // A trigger that fires only in replicas is disabled everywhere else.
  fault: ({ tableName, name }, { enabled }) =>
    enabled === 'O'
      ? undefined
      : {
          state: enabled === 'A' ? 'differs' : 'disabled',
          found: FIRES[enabled] ?? enabled,
          fix: [`alter table ${tableName} enable trigger ${name}`],
        },
}

export function compareTriggers({ expected, live }: Comparison): Difference[] {
  return compareParts(
    expected.triggers,
    live.triggers,
    triggerRules,
    (wanted, found) => wanted.shape === found.shape,
  )
}
