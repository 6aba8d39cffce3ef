import { quote } from '../adopt/obstacles.ts'
import type { Constraint, Index, Trigger } from '../catalog.ts'
import {
  type Comparison,
  type Difference,
  type DifferenceKind,
  fullName,
  makeRoom,
  type Part,
  pairUp,
  script,
} from './difference.ts'

/** What a kind of part needs to be told and mended; the statements are without semicolons. */
interface Ways<T> {
  kind: DifferenceKind
  describe: (part: T) => string
  create: (wanted: T) => string[]
  /** Before that, where something that is none of these parts may have its name. */
  makeRoom?: (wanted: T) => string[]
  drop: (found: T) => string
  rename: (found: T, wanted: T) => string
  /** In one go, where that is better than to drop and to create. */
  replace?: (found: T, wanted: T) => string[]
  /** The state of one that has the right description and does not do its work, and what mends that. */
  fault: (wanted: T, found: T) => Fault | undefined
}

interface Fault {
  state: Difference['state']
  found: string
  mend: string[]
}

function compareParts<T extends Part>(
  wanted: readonly T[],
  live: readonly T[],
  ways: Ways<T>,
  isSame: (wanted: T, found: T) => boolean,
): Difference[] {
  const { pairs, extras } = pairUp(wanted, live, isSame)
  return [
    ...pairs.flatMap(({ wanted: part, found }) => partDifference(part, found, ways)),
    ...extras.map((extra): Difference => {
      const told = { kind: ways.kind, name: fullName(extra), state: 'extra' } as const
      const fault = ways.fault(extra, extra)
      const found = [ways.describe(extra), ...(fault ? [fault.found] : [])].join(', ')
      return { ...told, expected: null, found, mend: script(ways.drop(extra)) }
    }),
  ]
}

function partDifference<T extends Part>(
  wanted: T,
  found: T | undefined,
  ways: Ways<T>,
): Difference[] {
  const { kind, describe } = ways
  const told = { kind, name: fullName(wanted), expected: describe(wanted) }
  if (!found) {
    const mend = script(...(ways.makeRoom?.(wanted) ?? []), ...ways.create(wanted))
    return [{ ...told, state: 'missing', found: null, mend }]
  }
  const renamed = found.name !== wanted.name
  const actual = describe(found)
  const named = renamed ? `${found.name}: ${actual}` : actual
  if (actual !== told.expected) {
    const replace = ways.replace?.(found, wanted) ?? [ways.drop(found), ...ways.create(wanted)]
    return [{ ...told, state: 'differs', found: named, mend: script(...replace) }]
  }
  const fault = ways.fault(wanted, found)
  if (!renamed && !fault) return []
  const renaming = renamed ? [ways.rename(found, wanted)] : []
  const mend = script(...renaming, ...(fault?.mend ?? []))
  return [{ ...told, state: fault?.state ?? 'differs', found: fault?.found ?? named, mend }]
}

const KEYS_FIRST = ['p', 'u', 'x', 'c', 'f']

const NOT_VALID = / NOT VALID$/

const constraintWays: Ways<Constraint> = {
  kind: 'constraint',
  describe: ({ definition }) => definition.replace(NOT_VALID, ''),
  create: (wanted) => [`alter table ${wanted.tableName} ${addition(wanted)}`],
  drop: ({ tableName, name }) => `alter table ${tableName} drop constraint ${quote(name)}`,
  rename: ({ name }, { tableName, name: wanted }) =>
    `alter table ${tableName} rename constraint ${quote(name)} to ${wanted}`,
  replace: ({ name }, wanted) => [
    `alter table ${wanted.tableName} drop constraint ${quote(name)}, ${addition(wanted)}`,
  ],
  fault: ({ tableName, name }, { validated }) =>
    validated
      ? undefined
      : {
          state: 'invalid',
          found: 'not validated',
          mend: [`alter table ${tableName} validate constraint ${name}`],
        },
}

const addition = ({ name, definition }: Constraint) => `add constraint ${name} ${definition}`

/** Keys come before the foreign keys that rest on them. */
export function compareConstraints({ expected, live, relations }: Comparison): Difference[] {
  const wanted = [...expected.constraints].sort(
    (a, b) => KEYS_FIRST.indexOf(a.kind) - KEYS_FIRST.indexOf(b.kind),
  )
  const ways = {
    ...constraintWays,
    // A key has an index of its name.
    makeRoom: ({ kind, name }: Constraint) =>
      'cf'.includes(kind) ? [] : makeRoom(name, relations),
  }
  return compareParts(wanted, live.constraints, ways, isSameConstraint)
}

/** A table has one primary key, and two foreign keys on the same columns would both bind. */
function isSameConstraint(wanted: Constraint, found: Constraint): boolean {
  if (wanted.kind !== found.kind) return false
  if (wanted.kind === 'p') return true
  if (wanted.kind === 'f') return wanted.columns === found.columns
  return constraintWays.describe(wanted) === constraintWays.describe(found)
}

export function compareIndexes({ expected, live, relations }: Comparison): Difference[] {
  const create = (index: Index) => indexCreation(index, 'concurrently ')
  const ways: Ways<Index> = {
    kind: 'index',
    describe: ({ unique, shape }) => `${unique ? 'UNIQUE ' : ''}${shape}`,
    create: (wanted) => [create(wanted)],
    makeRoom: ({ name }) => makeRoom(name, relations),
    drop: ({ name }) => `drop index concurrently ${quote(name)}`,
    rename: ({ name }, wanted) => `alter index ${quote(name)} rename to ${wanted.name}`,
    fault: (wanted, { valid }) =>
      valid
        ? undefined
        : {
            state: 'invalid',
            found: 'invalid',
            mend: [`drop index concurrently ${wanted.name}`, create(wanted)],
          },
  }
  return compareParts(
    expected.indexes,
    live.indexes,
    ways,
    (wanted, found) => found.valid && ways.describe(wanted) === ways.describe(found),
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

const triggerWays: Ways<Trigger> = {
  kind: 'trigger',
  describe: ({ shape }) => shape,
  create: (wanted) => [triggerCreation(wanted)],
  drop: ({ tableName, name }) => `drop trigger ${quote(name)} on ${tableName}`,
  rename: ({ name }, { tableName, name: wanted }) =>
    `alter trigger ${quote(name)} on ${tableName} rename to ${wanted}`,
  // One that fires in replicas alone is off everywhere else.
  fault: ({ tableName, name }, { enabled }) =>
    enabled === 'O'
      ? undefined
      : {
          state: enabled === 'A' ? 'differs' : 'disabled',
          found: FIRES[enabled] ?? enabled,
          mend: [`alter table ${tableName} enable trigger ${name}`],
        },
}

export function compareTriggers({ expected, live }: Comparison): Difference[] {
  return compareParts(
    expected.triggers,
    live.triggers,
    triggerWays,
    (wanted, found) => wanted.shape === found.shape,
  )
}
