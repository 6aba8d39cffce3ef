import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { Token, TokenRight } from '../../../queries/tokens/tokens.ts'
import { createToken, listTokens, RIGHTS, revokeTokens } from '../../../queries/tokens/tokens.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addList } from '../../options/default-command.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { type Duration, parseSpan } from '../../options/span.ts'
import { parseText } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { formatTime } from '../../output/text/format.ts'

interface CreateFlags extends GlobalOptions {
  name: string
  can: TokenRight
  expires?: Duration | 'never'
}

const columns: Column<Token>[] = [
  { name: 'tokenId', header: 'ID', kind: 'id', priority: 6 },
  { name: 'name', kind: 'text', isName: true, flex: { min: 8 }, priority: 10 },
  { name: 'can', kind: 'text', priority: 9 },
  { name: 'state', kind: 'text', priority: 8 },
  { name: 'createdAt', header: 'CREATED', kind: 'time', precision: 'minutes', priority: 3 },
  { name: 'createdBy', kind: 'text', flex: { min: 8 }, priority: 2 },
  { name: 'expiresAt', header: 'EXPIRES', kind: 'time', precision: 'minutes', priority: 7 },
  { name: 'revokedAt', header: 'REVOKED', kind: 'time', precision: 'minutes', priority: 1 },
]

const createdColumns: Column<Token & { token: string }>[] = [
  { name: 'token', kind: 'text' },
  ...columns,
]

export function define(token: Command, context: Context): void {
  token
    .description('Create, list and revoke tokens for wfstore serve.')
    .usage('[options] [command]')
  explain(token, { examples: ['wfstore token'] })
  const print = async () => {
    const options = token.optsWithGlobals<GlobalOptions>()
    checkOutput(columns, options)
    const { query } = await context.store(options)
    await context.writer(options).list(columns, await listTokens(query), { empty: 'no tokens' })
  }
  token.action(print)
  addList(token, print)
  defineCreate(token.command('create'), context)
  defineRevoke(token.command('revoke'), context)
}

function defineCreate(create: Command, context: Context): void {
  create
    .summary('Create a token and print it')
    .description('Create a token for wfstore serve and print it. It is shown only once.')
    .requiredOption('--name <name>', 'name: what the token is for', parseText)
    .addOption(
      new Option('--can <right>', 'what it may do; write includes read')
        .choices(RIGHTS)
        .default('read'),
    )
    .option(
      '--expires <duration>',
      'accept it for this long: 12h, 90d, 52w, or never (default: 90d)',
      parseExpiry,
    )
  explain(create, {
    about:
      'stdout has only the token. The database has only its hash: a lost token cannot be shown again. Audit entries of actions contain its name.',
    exit: '1 if there is a token of this name that is not revoked.',
    examples: [
      'wfstore token create --name grafana --can read --expires 90d',
      'wfstore token create --name on-call --can write --expires 12h',
    ],
  }).action(async () => {
    const options = create.optsWithGlobals<CreateFlags>()
    checkOutput(createdColumns, options)
    const { name, can, expires = parseSpan('90d') } = options
    const { env } = context
    const writer = context.writer(options)
    const { query } = await context.store(options)
    const created = await createToken(query, {
      ...{ name, can, expiresInMs: expires === 'never' ? undefined : expires.ms },
      createdBy: env.USER || env.LOGNAME,
    })
    if (isData(options)) return writer.record(createdColumns, created)
    await writer.text(created.token)
    const until = created.expiresAt
      ? `until ${formatTime(created.expiresAt, 'UTC', 'minutes')} (UTC)`
      : 'and does not expire'
    writer.note(`token ${name} may ${can} ${until}; it is not shown again`)
  })
}

function parseExpiry(text: string): Duration | 'never' {
  if (text === 'never') return text
  try {
    return parseSpan(text)
  } catch {
    throw new InvalidArgumentError('It must be a duration such as 12h, 90d or 52w, or never')
  }
}

function defineRevoke(revoke: Command, context: Context): void {
  revoke
    .argument('<token...>', 'name or id of a token, or at least the first 8 characters of its id')
    .summary('Revoke tokens')
    .description('Revoke tokens: running servers refuse them within seconds.')
  explain(revoke, {
    about: 'A revoked token stays in the list, and its name can be used again.',
    exit: '6 if a token is not found (no token is revoked).',
    examples: ['wfstore token revoke wallboard', 'wfstore token revoke 0193f1c2-7a5e'],
  }).action(async (named: string[]) => {
    const options = revoke.optsWithGlobals<GlobalOptions>()
    checkOutput(columns, options)
    const { query } = await context.store(options)
    await context.writer(options).list(columns, await revokeTokens(query, named))
  })
}
