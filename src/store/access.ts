import type pg from 'pg'
import { atRuns, ONE_CONNECTION } from '../db/distributed/at.ts'
import { inLayout, layoutOf } from '../db/distributed/by-layout.ts'
import type { Layout } from '../db/distributed/layout.ts'
import { isPool, type Queryable } from '../db/query/connection.ts'
import type { JsonForm } from '../db/query/decode.ts'
import { atReadCommitted, type InTransaction, inReadCommitted } from '../db/query/isolation.ts'
import { prepared } from '../db/query/prepared.ts'
import { query, type Run, runOn } from '../db/query/query.ts'
import { openSession } from '../db/query/session.ts'
import { checkSchema } from '../db/schema.ts'
import { readWhole, recordWhole, writeWhole } from '../db/whole.ts'

/** What a process sends to the database of a store. */
export interface Access {
  /** Checks the schema until it is right. */
  check: () => Promise<Layout>
  read: Run
  /** Checks the schema first: a write must not run on a wrong schema. */
  write: Run
  /** A write that an engine repeats often. */
  record: Run
  /** Several statements on one connection. */
  onSession: <T>(work: (client: pg.ClientBase) => Promise<T>) => Promise<T>
  /** Several statements in one transaction at read committed, in which a policy that hides rows is an error. */
  inTransaction: InTransaction
  /** Rows on one connection, which is closed if the reader stops early. */
  onOneConnection: <T>(rows: (client: pg.ClientBase) => AsyncGenerator<T>) => AsyncGenerator<T>
}

/** On connections of ours, whose settings are right. */
export function ownAccess(database: Queryable, json: JsonForm = 'value'): Access {
  const check = checkedOnce(database)
  const plain: Run = (statement, shape) => query(database, statement, shape, { json })
  // Through a pooler the level that our connections set may be missing.
  const write = atReadCommitted(database, plain)
  const record = isPool(database) ? atReadCommitted(database, prepared(database)) : write
  return {
    check,
    read: checked(check, plain),
    write: checked(check, write),
    record: checked(check, record),
    ...sessions(database, check),
  }
}

/** On connections of the application, on which policies can hide rows at any time: each statement is checked. */
export function foreignAccess(database: Queryable): Access {
  const check = checkedOnce(database)
  const plain: Run = (statement, shape) => query(database, statement, shape)
  return {
    check,
    read: checked(check, readWhole(database)),
    write: checked(check, writeWhole(database)),
    record: checked(
      check,
      recordWhole(atReadCommitted(database, isPool(database) ? prepared(database) : plain)),
    ),
    ...sessions(database, check),
  }
}

const checked = (check: () => Promise<Layout>, run: Run): Run => {
  const onShards = atRuns(run)
  return async (statement, shape) => {
    const layout = await check()
    return (layout === 'single' ? run : onShards)(statement, shape)
  }
}

function sessions(
  database: Queryable,
  check: () => Promise<Layout>,
): Pick<Access, 'onSession' | 'onOneConnection' | 'inTransaction'> {
  const onSession: Access['onSession'] = async (work) => {
    const { client, release } = await openSession(database)
    try {
      return await work(client)
    } finally {
      release(false)
    }
  }
  const onOneConnection: Access['onOneConnection'] = async function* (rows) {
    const { client, release } = await openSession(database)
    let whole = false
    try {
      yield* rows(client)
      whole = true
    } finally {
      release(!whole)
    }
  }
  const begun = async <T>(work: (run: Run) => Promise<T>, settings: readonly string[] = []) => {
    const layout = await check()
    const on = (client: pg.ClientBase) =>
      layout === 'single' ? runOn(client) : atRuns(runOn(client))
    return inReadCommitted(database, (client) => work(on(client)), [
      'set local row_security = off',
      ...(layout === 'single' ? [] : [ONE_CONNECTION]),
      ...settings,
    ])
  }
  const inTransaction: InTransaction = Object.assign(begun, { layout: check })
  return { onSession, onOneConnection, inTransaction }
}

/**
 * On one connection of ours that pipelines statements: the schema check is sent together with the first query, without a
 * round trip of its own. JSON columns are their text, with all digits.
 */
export function pipelinedAccess(client: pg.Client): Access {
  const own = ownAccess(client, 'text')
  const read: Run = async (statement, shape) => {
    const assumed = layoutOf(client)
    const checking = own.check()
    const send = () => query(client, statement, shape, { json: 'text' })
    const rows = send()
    // On a wrong schema the query fails too; the error of the check is clearer.
    rows.catch(() => {})
    const layout = await checking
    return layout !== assumed && inLayout(statement, layout) !== statement ? send() : rows
  }
  return { ...own, read }
}

/** Checks the schema until it is right. */
function checkedOnce(database: Queryable): () => Promise<Layout> {
  let checked: Promise<Layout> | undefined
  return () => {
    checked ??= checkSchema(database).catch((error) => {
      // The next query checks again: the schema may have been migrated.
      checked = undefined
      throw error
    })
    return checked
  }
}
