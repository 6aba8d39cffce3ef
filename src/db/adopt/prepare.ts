import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import {
  keepVacuumAway,
  type LockOptions,
  setLockTimeout,
  withLockRetries,
} from '../migrate/lock.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import { run, transaction } from '../query/transaction.ts'
import { fingerprint, keyIndex, type Preparation, setUp } from './copies.ts'
import { fillScript, fillTable } from './fill.ts'
import { TABLES } from './legacy.ts'
import { COPIED, COPY_TRIGGER, copyFunction, NEW, REQUIRED } from './names.ts'
import { planOnline } from './online.ts'
import type { Survey } from './survey.ts'

/** One step of the first phase. Each can be repeated. */
export interface PrepareStep {
  table: string
  transaction: boolean
  statements: string[]
  /** The statements fill the new columns of this table. */
  fills?: Preparation
}

const preparedShape = {
  table: d.text(),
  /** What `fingerprint` returned; NULL if the table is not prepared. */
  fingerprint: d.nullable(d.text()),
  /** True if every row meets the conditions. */
  complete: d.boolean(),
  /** The statement that removes what is there. */
  columns: d.texts('columns'),
  trigger: d.boolean(),
  /** The indexes of the first phase, with whether they are valid. */
  index: d.nullable(d.text()),
  valid: d.boolean(),
}
/** What an earlier run has left on a table. */
type Prepared = d.RowOf<typeof preparedShape>

export async function readPrepared(client: pg.Client, schema: string): Promise<Prepared[]> {
  const found = await query(
    client,
    sql`select c.relname as table, obj_description(k.oid, 'pg_constraint') as fingerprint,
            coalesce(k.convalidated, false) and not exists (select from pg_constraint r
              where r.conrelid = c.oid and r.conname = ${REQUIRED} and not r.convalidated) as complete,
            (select to_json(coalesce(array_agg(a.attname order by a.attnum), '{}')) from pg_attribute a
             where a.attrelid = c.oid and not a.attisdropped and starts_with(a.attname, ${NEW})) as columns,
            coalesce(t.tgenabled = 'A', false) as trigger, i.relname as index, coalesce(x.indisvalid, false) as valid
     from pg_class c
     left join pg_constraint k on k.conrelid = c.oid and k.conname = ${COPIED}
     left join pg_trigger t on t.tgrelid = c.oid and t.tgname = ${COPY_TRIGGER}
     left join (pg_index x join pg_class i on i.oid = x.indexrelid and starts_with(i.relname, ${NEW})) on x.indrelid = c.oid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${TABLES}::text[])
     order by c.relname`,
    preparedShape,
  )
  return found.filter(
    (one) => one.fingerprint !== null || one.columns.length > 0 || one.trigger || one.index,
  )
}

const isPrepared = (preparation: Preparation, found: Prepared | undefined): boolean =>
  found?.fingerprint === fingerprint(preparation) &&
  (found.trigger || preparation.copies.length === 0)

/** The statements that remove what the first phase made, for those who give up. */
function undo({ table, columns }: Prepared): string[] {
  const actions = [
    `drop constraint if exists ${COPIED}`,
    `drop constraint if exists ${REQUIRED}`,
    ...columns.map((name) => `drop column ${name}`),
  ]
  return [
    `drop trigger if exists ${quote(COPY_TRIGGER)} on ${table}`,
    `drop function if exists ${copyFunction(table)}()`,
    `alter table ${table} ${actions.join(', ')}`,
  ]
}

/** What is left of the first phase: transactions that lock a table for an instant, then the work without locks. */
export function prepareSteps(
  preparations: readonly Preparation[],
  prepared: readonly Prepared[],
): PrepareStep[] {
  const of = (table: string) => prepared.find((one) => one.table === table)
  const unwanted = prepared.filter(({ table }) => !preparations.some((one) => one.table === table))
  const steps = preparations.map((one) => tableSteps(one, of(one.table)))
  return [
    ...unwanted.map((found) => ({
      table: found.table,
      transaction: true,
      statements: undo(found),
    })),
    ...steps.flat().filter(({ transaction }) => transaction),
    ...unwanted.flatMap(({ table, index }) => (index === null ? [] : [dropIndex(table, index)])),
    ...steps.flat().filter(({ transaction }) => !transaction),
  ]
}

function tableSteps(preparation: Preparation, found: Prepared | undefined): PrepareStep[] {
  const { table, copies, required } = preparation
  const ready = isPrepared(preparation, found)
  const validations = [COPIED, ...(required.length > 0 ? [REQUIRED] : [])].map(
    (name) => `alter table ${table} validate constraint ${name}`,
  )
  return [
    ...(ready
      ? []
      : [
          {
            table,
            transaction: true,
            statements: [...(found ? undo(found) : []), ...setUp(preparation)],
          },
        ]),
    ...(ready && found?.complete
      ? []
      : [
          ...(copies.length > 0
            ? [
                {
                  table,
                  transaction: false,
                  statements: [fillScript(preparation)],
                  fills: preparation,
                },
              ]
            : []),
          { table, transaction: false, statements: validations },
        ]),
    ...keySteps(preparation, found),
  ]
}

function keySteps({ table, key }: Preparation, found: Prepared | undefined): PrepareStep[] {
  if (!key || (found?.index === keyIndex(key) && found.valid)) return []
  const columns = (JSON.parse(key.columns) as string[]).join(', ')
  const statement = `create unique index concurrently ${keyIndex(key)} on ${table} (${columns})`
  return [
    ...(found?.index ? [dropIndex(table, found.index)] : []),
    { table, transaction: false, statements: [statement] },
  ]
}

const dropIndex = (table: string, name: string): PrepareStep => ({
  table,
  transaction: false,
  statements: [`drop index concurrently ${name}`],
})

export async function prepare(
  client: pg.Client,
  steps: readonly PrepareStep[],
  options: LockOptions,
): Promise<void> {
  for (const step of steps) {
    if (step.fills) await fillTable(client, step.fills, options)
    else if (!step.transaction)
      // These do not block writers, so they wait without limit.
      for (const statement of step.statements) await run(client, statement)
    else
      await withLockRetries(client, options, () =>
        transaction(client, async () => {
          await keepVacuumAway(client, [step.table], options.lockTimeoutMs)
          await setLockTimeout(client, options.lockTimeoutMs, 'transaction')
          for (const statement of step.statements) await run(client, statement)
        }),
      )
  }
}

/**
 * Under the exclusive lock: the first phase is complete and nothing that it depends on has changed.
 * @throws WfstoreError failed
 */
export async function assertPrepared(
  client: pg.Client,
  survey: Survey,
  preparations: readonly Preparation[],
): Promise<void> {
  if (preparations.length === 0) return
  const wanted = await planOnline(client, survey, [], 0)
  const same = preparations.every((preparation) =>
    wanted.preparations.some((one) => fingerprint(one) === fingerprint(preparation)),
  )
  const left = prepareSteps(preparations, await readPrepared(client, survey.schema))
  if (same && left.length === 0) return
  throw new WfstoreError('failed', 'the tables changed while their columns were copied', {
    hint: 'run `wfstore migrate up` again; it continues',
  })
}
