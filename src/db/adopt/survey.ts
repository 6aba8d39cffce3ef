import type pg from 'pg'
import {
  type CatalogColumn,
  type Constraint,
  type Index,
  type Relation,
  readColumns,
  readConstraints,
  readIndexes,
  readRelations,
  readTriggers,
  type Trigger,
} from '../catalog.ts'
import { creationsOf } from '../migrate/files.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import type { Expected } from './expected.ts'
import { OLD_FUNCTION, OLD_INDEXES, OLD_VIEWS, TABLES, TOUCHED_TABLES } from './legacy.ts'
import { COPIED, COPY_TRIGGER, NEW, REQUIRED } from './names.ts'
import { readStatusChecks, type StatusChecks } from './status-checks.ts'
import type { LegacyZones } from './zones.ts'

/** The SQL of the migrations. Adoption replaces the first of them. */
export interface Migrations {
  /** The Up part of 001_tables. */
  tables: string
  /** The Up parts of the later ones, for the names that they use. */
  later: string
}

/** Everything that adoption needs to know about the schema. */
export interface Survey {
  schema: string
  migrations: Migrations
  expected: Expected
  zones: LegacyZones
  /** Those of the five tables that exist. A set-up that stopped half-way has not created the others. */
  tables: string[]
  /** The existing relations with names that wfstore uses, by name. */
  relations: Map<string, Relation>
  columns: CatalogColumn[]
  constraints: Constraint[]
  statusChecks: StatusChecks
  indexes: Index[]
  triggers: Trigger[]
  /** The existing functions without arguments with names that wfstore uses. */
  functions: Set<string>
}

export async function readSurvey(
  client: pg.Client,
  schema: string,
  migrations: Migrations,
  expected: Expected,
  zones: LegacyZones,
): Promise<Survey> {
  const keys = expected.constraints.filter(({ kind }) => kind === 'p')
  const names = await readNames(client, schema, migrations, [
    ...TABLES,
    ...keys.map(({ name }) => name),
  ])
  const columns = without(await readColumns(client, schema, [...TABLES, ...Object.keys(OLD_VIEWS)]))
  const constraints = without(await readConstraints(client, schema, TABLES))
  return {
    schema,
    migrations,
    expected,
    zones,
    ...names,
    tables: TABLES.filter((table) => names.relations.has(table)),
    columns,
    constraints,
    statusChecks: await readStatusChecks(client, constraints, columns),
    indexes: without(await readIndexes(client, schema, TABLES)),
    triggers: without(await readTriggers(client, schema, TABLES)),
  }
}

/** Without what the first phase of an adoption has made: see copies.ts. */
const without = <T extends { name: string }>(parts: T[]): T[] =>
  parts.filter(
    ({ name }) => ![COPIED, REQUIRED, COPY_TRIGGER].includes(name) && !name.startsWith(NEW),
  )

/** The existing objects with a name from the migrations or from `others`. */
export async function readNames(
  client: pg.Client,
  schema: string,
  migrations: Migrations,
  others: readonly string[],
): Promise<Pick<Survey, 'relations' | 'functions'>> {
  const made = [...creationsOf(migrations.tables), ...creationsOf(migrations.later)].map(
    ({ name }) => name,
  )
  const relations = await readRelations(client, schema, [...made, ...others])
  return {
    relations: new Map(relations.map((relation) => [relation.name, relation])),
    functions: await readFunctions(client, schema, made),
  }
}

async function readFunctions(client: pg.Client, schema: string, names: string[]) {
  const found = await query(
    client,
    sql`select p.proname as name from pg_proc p
     where p.pronamespace = (select oid from pg_namespace where nspname = ${schema})
       and p.proname = any(${names}::text[]) and p.pronargs = 0`,
    { name: d.text() },
  )
  return new Set(found.map(({ name }) => name))
}

/** A table as it is and as expected. */
export function tableOf(survey: Survey, table: string) {
  const of = <T extends { tableName: string }>(all: T[]) =>
    all.filter(({ tableName }) => tableName === table)
  return {
    columns: of(survey.columns),
    constraints: of(survey.constraints),
    indexes: of(survey.indexes),
    triggers: of(survey.triggers),
    expectedColumns: of(survey.expected.columns),
    expectedConstraints: of(survey.expected.constraints),
  }
}

export function isOldIndex({ tableName, unique, shape }: Index): boolean {
  const old = Object.values(OLD_INDEXES[tableName] ?? {})
  return !unique && old.some((columns) => shape === `USING btree (${columns})`)
}

export function isOldTrigger({ tableName, functionName, plainBeforeUpdate }: Trigger): boolean {
  return functionName === OLD_FUNCTION && plainBeforeUpdate && TOUCHED_TABLES.includes(tableName)
}
