import type pg from 'pg'
import { quote } from '../query/sql.ts'
import { run } from '../query/transaction.ts'
import { readExpected } from '../verify/snapshot.ts'
import { retypedColumns } from './differences.ts'
import type { Recreated } from './recreated.ts'
import { type Survey, tableOf } from './survey.ts'

/** Creates the objects on empty copies of the tables, which are rolled back. Returns those that fail. */
export async function rehearse(
  client: pg.Client,
  survey: Survey,
  objects: readonly Recreated[],
): Promise<{ what: string; failure: string }[]> {
  const failures: { what: string; failure: string }[] = []
  await undone(client, async () => {
    // Other obstacles name a type that cannot be converted.
    for (const statement of await copiesOf(survey))
      if ((await attempt(client, statement)) !== undefined) return
    for (const { what, rehearsal } of objects) {
      const failure = rehearsal === null ? undefined : await attempt(client, rehearsal)
      if (failure !== undefined) failures.push({ what, failure })
    }
  })
  return failures
}

/** Runs the statements and rolls them back. Returns the message of the first that fails. */
export async function tryStatements(
  client: pg.Client,
  statements: string[],
): Promise<string | undefined> {
  let failure: string | undefined
  await undone(client, async () => {
    for (const statement of statements) failure ??= await attempt(client, statement)
  })
  return failure
}

async function undone(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await run(client, 'savepoint rehearsal')
  await work()
  await run(client, 'rollback to savepoint rehearsal')
  await run(client, 'release savepoint rehearsal')
}

/** Runs one statement, or none of it. Returns its error. */
async function attempt(client: pg.Client, statement: string): Promise<string | undefined> {
  await run(client, 'savepoint attempt')
  let failure: string | undefined
  try {
    await run(client, statement)
  } catch (error) {
    failure = (error as Error).message
    await run(client, 'rollback to savepoint attempt')
  }
  await run(client, 'release savepoint attempt')
  return failure
}

/**
 * The tables with the new types and keys, and the old views as tables. Temporary ones come before those of the search path, so
 * the text of a view or a policy finds them.
 */
async function copiesOf(survey: Survey): Promise<string[]> {
  const { views } = await readExpected()
  return [
    ...survey.tables.map(
      (table) => `create temporary table ${table} (like ${quote(survey.schema)}.${table})`,
    ),
    ...retypedColumns(survey).map(
      ({ table, to }) => `alter table pg_temp.${table} alter ${to.name} type ${to.type}`,
    ),
    ...survey.tables.flatMap((table) =>
      tableOf(survey, table)
        .expectedConstraints.filter(({ kind }) => kind === 'p')
        .map(({ definition }) => `alter table pg_temp.${table} add ${definition}`),
    ),
    ...views.map(({ name, columns }) => `create temporary table ${name} (${columns})`),
  ]
}
