import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { AUDIT, type AuditEntry, type AuditFilter } from '../../../queries/audit/audit.ts'
import { findAuditEntry } from '../../../queries/audit/find.ts'
import { rangeOf } from '../../../queries/ids.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addList } from '../../options/default-command.ts'
import { addEntryFilters } from '../../options/entry-filter.ts'
import { type FilterOptions, readFilter, withWholeIds } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { reader } from '../../options/report-filter.ts'
import { listOfValues, oneOrMore } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { prints } from '../../output/printed.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress } from '../../terminal/progress.ts'
import { followedEntries } from './follow.ts'

interface AuditFlags extends FilterOptions, PagingOptions {
  action?: string[]
  success?: boolean
  follow?: boolean
}

const columns: Column<AuditEntry>[] = [
  { name: 'logId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'timestamp', header: 'TIME', kind: 'time', precision: 'seconds', priority: 10 },
  { name: 'actionType', header: 'ACTION', kind: 'text', flex: { min: 10 }, priority: 9 },
  {
    name: 'success',
    header: 'RESULT',
    kind: 'boolean',
    cell: ({ success }) => (success ? 'ok' : 'failed'),
    priority: 9,
  },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 8 },
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 10 }, priority: 7 },
  { name: 'executionId', header: 'EXECUTION', kind: 'id', priority: 6 },
  { name: 'cost', kind: 'amount', priority: 4 },
  { name: 'tokensUsed', header: 'TOKENS', kind: 'count', priority: 3 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 2 },
  { name: 'actionDetails', header: 'DETAILS', kind: 'text', below: {} },
  { name: 'errorMessage', header: 'ERROR', kind: 'text', below: { tone: 'red' } },
  { name: 'stepId', header: 'STEP ID', kind: 'id', table: false },
  { name: 'toolInput', header: 'INPUT', kind: 'json', table: false, below: {} },
  { name: 'toolOutput', header: 'OUTPUT', kind: 'json', table: false, below: {} },
  { name: 'metadata', kind: 'json', table: false, below: {} },
  { name: 'createdAt', header: 'WRITTEN', kind: 'time', table: false },
]

/** A single entry. */
const showColumns = columns.map((column) => ({ ...column, table: true }))

export function define(audit: Command, context: Context): void {
  audit.description('List audit entries (steps, tool calls, decisions), newest first.')
  addEntryFilters(audit, { tool: 'filter by tool' })
    .option('--action <types>', 'filter by action: tool_call, step_end, …', listOfValues())
    .option(
      '--success <true|false>',
      'only successful (true) or failed (false) entries',
      parseBoolean,
    )
    .option('--follow', 'print the last 10 (or --limit), then new ones')
  addPaging(audit, columns, AUDIT).action(() => printAudit(audit, context))
  addList(audit, () => printAudit(audit, context))
  prints(audit, 'rows', columns, { shape: AUDIT.shape })
  explain(audit, {
    examples: ['wfstore audit --action tool_call --success false --since 24h'],
  })

  const show = audit
    .command('show')
    .aliases(['get', 'describe'])
    .argument('<id>', 'id of the entry, or at least its first 8 characters')
    .summary('Show an audit entry with tool input and output')
    .description('Show an audit entry with tool input and output.')
  prints(show, 'record', showColumns, { shape: AUDIT.shape })
  explain(show, {
    exit: '6 if the audit entry is not found.',
    examples: [
      'wfstore audit show 0193f1c2-7a5e',
      'wfstore audit show 0193f1c2 --json | jq .toolInput',
    ],
  }).action(async (id: string) => {
    const options = show.optsWithGlobals<GlobalOptions>()
    rangeOf('audit entry', id)
    checkOutput(showColumns, options)
    const writer = context.writer(options)
    await writer.record(showColumns, await findAuditEntry(await reader(context, options), id))
  })
}

async function printAudit(command: Command, context: Context): Promise<void> {
  const options = command.optsWithGlobals<AuditFlags>()
  const paging = readPaging(columns, AUDIT, options, context.io)
  const before = options.limit ?? FOLLOW_LIMIT
  if (options.follow) checkFollow(options, before)
  const { status: _, ...shared } = await readFilter(options, context)
  const filter: AuditFilter = {
    ...shared,
    actionType: oneOrMore(options.action),
    success: options.success,
  }
  const writer = context.writer(options)
  if (options.follow) {
    return writer.follow(columns, followedEntries(context, writer, options, filter, before))
  }
  const { query: run, executions } = await context.store(options)
  const whole = await withWholeIds(filter, (ids) => executions.findIds(ids, { removed: true }))
  const progress = listProgress(context.io, options)
  const listed = { run, list: AUDIT, filter: whole, columns, empty: 'no audit entries', progress }
  await printPages(writer, listed, paging)
}

const FOLLOW_LIMIT = 10
const MOST_BEFORE = 1000

/** @throws WfstoreError usage for options that contradict --follow */
function checkFollow(options: AuditFlags, before: number): void {
  const other = (['until', 'cursor', 'page', 'sort'] as const).find(
    (name) => options[name] !== undefined,
  )
  if (other !== undefined)
    throw new WfstoreError('usage', `--follow and --${other} cannot be used together`, {
      hint: `remove --${other}: --follow prints new entries`,
    })
  if (options.json || options.output === 'json')
    throw new WfstoreError(
      'usage',
      '--follow does not support --output json: a JSON array needs an end',
      {
        hint: 'use -o jsonl',
      },
    )
  if (before > MOST_BEFORE)
    throw new WfstoreError('usage', `--limit is at most ${MOST_BEFORE} with --follow`, {
      hint: 'use a smaller --limit, or list older entries without --follow',
    })
}

function parseBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false')
    throw new InvalidArgumentError('It must be true or false')
  return text === 'true'
}
