import { type Command, InvalidArgumentError } from 'commander'
import type { Roles } from '../../../db/migrate/roles.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import type { Column } from '../../output/column.ts'

interface RolesFlags extends GlobalOptions {
  prefix: string
  dryRun?: boolean
}

const rolesColumns: Column<Roles & { applied: boolean }>[] = [
  { name: 'schema', kind: 'text' },
  { name: 'roles', kind: 'json', value: ({ roles }) => JSON.stringify(roles) },
  { name: 'applied', kind: 'boolean' },
  { name: 'statements', kind: 'json', value: ({ statements }) => JSON.stringify(statements) },
]

export function define(migrate: Command, context: Context): void {
  const command = migrate.command('roles')
  command
    .summary('Create roles for writers, readers and cleanup')
    .description(
      'Create three roles with the privileges to write runs, to read reports and to clean up.',
    )
    .option(
      '--prefix <name>',
      'roles are named <name>_writer, <name>_reader, <name>_cleaner',
      parsePrefix,
      'wfstore',
    )
    .option('--dry-run', 'print the SQL as a script for psql; change nothing')
  explain(command, {
    about:
      'The roles cannot log in: grant them to roles that can. Run it again after "wfstore migrate up". It requires CREATEROLE and ownership of the schema and its tables, or a superuser; if a table has row security, the roles get BYPASSRLS, which a superuser gives.',
    examples: [
      'wfstore migrate roles',
      'wfstore migrate roles --dry-run | psql -X postgresql://dba@db/app',
    ],
  }).action(async () => {
    const options = command.optsWithGlobals<RolesFlags>()
    checkOutput(rolesColumns, options)
    const writer = context.writer(options)
    const { createRoles, planRoles, rolesScript, withoutBypass } = await import(
      '../../../db/migrate/roles.ts'
    )
    const client = await context.connect(options)
    const wanted = { schema: options.schema, prefix: options.prefix }
    const applied = !options.dryRun
    const made = applied ? await createRoles(client, wanted) : await planRoles(client, wanted)
    if (isData(options)) await writer.record(rolesColumns, { ...made, applied })
    else if (!applied) await writer.text(rolesScript(made))
    else {
      await writer.sentence(`${made.roles.join(', ')}: privileges set on schema ${made.schema}`)
      writer.note(
        `grant one of them to each login role, such as: grant ${options.prefix}_reader to alice`,
      )
    }
    if (!made.rowSecurity) return
    const lacking = applied ? await withoutBypass(client, made) : []
    if (lacking.length > 0)
      writer.note(
        `the tables have row security; as a superuser run: ${lacking.map((name) => `alter role ${name} bypassrls`).join('; ')}`,
      )
    // Citus connects to the workers as the role of the session, and a reader cannot log in there.
    writer.note(
      `BYPASSRLS is not inherited; for each login role ${made.layout === 'single' ? `run: alter role alice set role = ${options.prefix}_reader` : 'run as a superuser: alter role alice bypassrls'}`,
    )
  })
}

/** Allows only names that need no quotes in psql. */
function parsePrefix(text: string): string {
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,54}$/.test(text))
    throw new InvalidArgumentError(
      'It must have 1 to 55 lower-case letters, digits and underscores and must not begin with a digit or pg_',
    )
  return text
}
