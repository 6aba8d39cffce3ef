import { type ErrorCode, WfstoreError } from '../../error.ts'
import {
  type CatalogColumn,
  type Constraint,
  RELATION_KINDS,
  type Relation,
  renameAway,
} from '../catalog.ts'
import { type Creation, creationsOf } from '../migrate/files.ts'
import { quote } from '../query/sql.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { LAST_OLD_COLUMN, LOSSLESS, OLD_PRIMARY_KEYS, OLD_VIEWS, TABLES } from './legacy.ts'
import { isOldTrigger, type Survey, tableOf } from './survey.ts'

/** A reason why adoption is not possible. */
export interface Obstacle {
  what: string
  /** The statement that removes it. It destroys nothing of the application; without such a statement there is none. */
  fix?: string
  /** Set if only a privilege is missing. */
  code?: ErrorCode
}

const MANUAL = 'see docs/FROM-THE-OLD-APPLICATION.md#obstacles'

/** One error with all obstacles. */
export function obstacleError(schema: string, obstacles: Obstacle[]): WfstoreError {
  const code = obstacles.every((obstacle) => obstacle.code === 'permission_denied')
    ? 'permission_denied'
    : 'schema_differs'
  const fixes = [...new Set(obstacles.flatMap(({ fix }) => fix ?? []))]
  const hint = [
    'nothing was changed',
    ...(obstacles.some(({ fix }) => fix === undefined) ? [MANUAL] : []),
    ...(fixes.length > 0 ? [`to fix this: ${fixes.join('; ')}`] : []),
  ].join('; ')
  const whats = obstacles.map(({ what }) => what).join('; ')
  return new WfstoreError(code, `cannot create the wfstore schema in ${schema}: ${whats}`, { hint })
}

/** Obstacles in the definitions of the schema, without its rows. */
export function shapeObstacles(survey: Survey): Obstacle[] {
  const { tables } = survey
  // Its set-up creates this table first. Without it, a table such as audit_logs may belong to another application.
  if (!tables.includes('workflow_executions')) {
    return [
      {
        what: `some tables exist (${tables.join(', ')}), but others are missing: ${missingTables(survey).join(', ')}`,
        fix: 'wfstore migrate up --schema wfstore (it does not change the existing tables)',
      },
    ]
  }
  const ordinary = tables.filter((table) => survey.relations.get(table)?.kind === 'r')
  return [
    ...tables.flatMap((table) => tableObstacles(survey, table)),
    ...ordinary.flatMap((table) => columnObstacles(survey, table)),
    ...ordinary.flatMap((table) => constraintObstacles(survey, table)),
    ...nameObstacles(survey),
    ...viewObstacles(survey),
    ...triggerObstacles(survey),
  ]
}

function tableObstacles(survey: Survey, table: string): Obstacle[] {
  const relation = survey.relations.get(table)
  if (!relation) return []
  if (relation.kind !== 'r')
    return [{ what: `${table} is a ${RELATION_KINDS[relation.kind] ?? 'relation'}, not a table` }]
  const obstacles: Obstacle[] = []
  if (relation.inherits) {
    obstacles.push({ what: `${table} is a parent, a child or a partition of another table` })
  }
  if (!relation.persistent) {
    obstacles.push({ what: `${table} is unlogged`, fix: `alter table ${table} set logged` })
  }
  return obstacles
}

function columnObstacles(survey: Survey, table: string): Obstacle[] {
  const { columns, expectedColumns } = tableOf(survey, table)
  const obstacles: Obstacle[] = []
  const last = expectedColumns.findIndex(({ name }) => name === LAST_OLD_COLUMN[table])
  const lacking = expectedColumns
    .slice(0, last + 1)
    .filter(({ name }) => !columns.some((column) => column.name === name))
  if (lacking.length > 0) {
    obstacles.push({
      what: `${table} has no ${lacking.length === 1 ? 'column' : 'columns'} ${names(lacking)}`,
      fix: `alter table ${table} ${lacking.map(additionOf).join(', ')}`,
    })
  }
  for (const { from, to } of retypedColumns(survey).filter((retyped) => retyped.table === table)) {
    if (from.generated || LOSSLESS[to.baseType]?.includes(from.baseType)) continue
    const isOld = expectedColumns.findIndex(({ name }) => name === to.name) <= last
    // The application has a use of its own for a column that wfstore adds.
    obstacles.push({
      what: `${table}.${to.name} is ${from.type}, not ${to.type}`,
      fix: !isOld
        ? `alter table ${table} rename column ${to.name} to ${to.name}_own`
        : `alter table ${table} alter column ${to.name} type ${to.type} using ${to.name}::text::${to.type}`,
    })
  }
  for (const column of columns) {
    const ours = expectedColumns.some(({ name }) => name === column.name)
    if (ours && column.generated) {
      obstacles.push({
        what: `${table}.${column.name} is a generated column, and wfstore must be able to write it`,
      })
    } else if (!ours && column.notNull && column.defaultValue === null && !column.identity) {
      obstacles.push({
        what: `${table}.${column.name} is not a column of wfstore and is NOT NULL without a default`,
        fix: `alter table ${table} alter column ${quote(column.name)} drop not null`,
      })
    }
  }
  return obstacles
}

/** A column without a default is added as NULL. The next run then lists the rows without a value. */
function additionOf({ name, type, notNull, defaultValue }: CatalogColumn): string {
  const rest = defaultValue === null ? '' : `${notNull ? ' not null' : ''} default ${defaultValue}`
  return `add column ${name} ${type}${rest}`
}

function constraintObstacles(survey: Survey, table: string): Obstacle[] {
  const { missing, add, rename, kept, displaced } = planConstraints(survey, table)
  const taken = [...add, ...rename.map(({ to }) => to)].flatMap((wanted) =>
    kept.filter((own) => own.name === wanted.name && !displaced.has(own)),
  )
  return [
    ...missing.map((wanted) => missingKey(survey, wanted)),
    ...taken.map(({ name }) => ({
      what: `${table} has another constraint named ${name}`,
      fix: `alter table ${table} rename constraint ${name} to ${name}_own`,
    })),
  ]
}

function missingKey(survey: Survey, wanted: Constraint): Obstacle {
  const { tableName, kind, definition } = wanted
  const { constraints } = tableOf(survey, tableName)
  const columns = JSON.parse(wanted.columns) as string[]
  const other = constraints.find(
    (constraint) =>
      constraint.kind === kind && (kind === 'p' || constraint.columns === wanted.columns),
  )
  const word = kind === 'p' ? 'primary key' : 'foreign key'
  const addition = `add constraint ${wanted.name} ${definition}`
  if (other?.definition === `${definition} NOT VALID`) {
    return {
      what: `the ${word} ${other.name} of ${tableName} is not validated`,
      fix: `alter table ${tableName} validate constraint ${quote(other.name)}`,
    }
  }
  if (other) {
    return {
      what: `the ${word} ${other.name} of ${tableName} is ${other.definition}, not ${definition}`,
    }
  }
  const old = OLD_PRIMARY_KEYS[tableName]
  const demanded = kind === 'p' && old ? old : columns
  return {
    what: `${tableName} has no ${word} on ${demanded.join(', ')}`,
    fix: `alter table ${tableName} ${addition}`,
  }
}

/** Names of new objects that are already taken. */
function nameObstacles(survey: Survey): Obstacle[] {
  const { migrations, constraints, expected } = survey
  const made = [...creationsOf(migrations.tables), ...creationsOf(migrations.later)]
  const fresh = made.filter(({ kind, name }) => kind !== 'view' && !isAdopted(name))
  const keys = expected.constraints.filter(
    ({ kind, name, tableName }) =>
      kind === 'p' &&
      !constraints.some(
        (own) => own.kind === 'p' && own.name === name && own.tableName === tableName,
      ),
  )
  const keyNames = keys.map(({ name }) => ({ kind: 'index' as const, name }))
  return takenNames([...fresh, ...keyNames], survey)
}

/** Obstacles for the creations whose name is already taken. */
export function takenNames(
  creations: readonly Pick<Creation, 'kind' | 'name'>[],
  { relations, functions }: Pick<Survey, 'relations' | 'functions'>,
): Obstacle[] {
  return creations.flatMap(({ kind, name }) => {
    if (kind === 'function') return functions.has(name) ? [taken(`${name}()`, 'function')] : []
    const relation = kind === 'trigger' ? undefined : relations.get(name)
    return relation ? [taken(name, kindOf(relation))] : []
  })
}

const kindOf = ({ kind }: Relation): string => RELATION_KINDS[kind] ?? 'table'

const taken = (name: string, kind: string): Obstacle => ({
  what: `${name} already exists (${kind === 'index' ? 'an' : 'a'} ${kind})`,
  fix: renameAway(kind, name),
})

function viewObstacles(survey: Survey): Obstacle[] {
  return Object.entries(OLD_VIEWS).flatMap(([name, columns]) => {
    const relation = survey.relations.get(name)
    if (!relation) return []
    const own = survey.columns
      .filter(({ tableName }) => tableName === name)
      .map((column) => column.name)
    const old = relation.kind === 'v' && own.join() === columns.join()
    return old
      ? []
      : [
          {
            ...taken(name, kindOf(relation)),
            what: `${name} is not the view of the old application`,
          },
        ]
  })
}

function triggerObstacles(survey: Survey): Obstacle[] {
  const ours = creationsOf(survey.migrations.tables).filter(({ kind }) => kind === 'trigger')
  return survey.triggers
    .filter((trigger) => !isOldTrigger(trigger) && ours.some(({ name }) => name === trigger.name))
    .map(({ name, tableName }) => ({
      what: `trigger ${name} on ${tableName} is not the one of the old application`,
      fix: `alter trigger ${name} on ${tableName} rename to ${name}_own`,
    }))
}

/** Adoption requires the ownership of the tables and views, and sees all rows. */
export function privilegeObstacles(survey: Survey, user: string, mayCreate: boolean): Obstacle[] {
  const owned = [...TABLES, ...Object.keys(OLD_VIEWS)].flatMap(
    (name) => survey.relations.get(name) ?? [],
  )
  const obstacles: Obstacle[] = owned
    .filter(({ ownedByUs }) => !ownedByUs)
    .map(({ name, owner }) => ({
      what: `role ${user} is not the owner of ${name}`,
      fix: `run it as ${owner}`,
      code: 'permission_denied',
    }))
  for (const { name, rowsHidden, ownedByUs } of owned) {
    // The owner sees all rows, unless row security is forced.
    if (!rowsHidden || !ownedByUs) continue
    obstacles.push({
      what: `row security of ${name} hides rows from role ${user}`,
      fix: `run it as a role with BYPASSRLS, or alter table ${name} no force row level security`,
      code: 'permission_denied',
    })
  }
  if (mayCreate) return obstacles
  return [
    ...obstacles,
    {
      what: `role ${user} may not create objects in schema ${survey.schema}`,
      fix: `grant create on schema ${quote(survey.schema)} to ${quote(user)}`,
      code: 'permission_denied',
    },
  ]
}

/** The tables that a set-up which stopped half-way has not created. */
export const missingTables = ({ tables }: Survey): string[] =>
  TABLES.filter((table) => !tables.includes(table))

const names = (columns: CatalogColumn[]) => columns.map(({ name }) => name).join(', ')
const isAdopted = (table: string) => (TABLES as readonly string[]).includes(table)
