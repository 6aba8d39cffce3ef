import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import type { AuditEntry, AuditFilter } from '../../../queries/audit/audit.ts'
import { findAuditEntry } from '../../../queries/audit/find.ts'
import { rangeOf } from '../../../queries/executions/executions.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addEntryFilters } from '../../options/entry-filter.ts'
import {
  addPaging,
  checkPage,
  type FilterOptions,
  type PagingOptions,
  readFilter,
} from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { reader } from '../../options/report-filter.ts'
import { parseText } from '../../options/text.ts'
import { type Column, selectColumns } from '../../output/column.ts'
import { tellingPages } from '../../terminal/page-progress.ts'
import { printPages } from '../../terminal/pages.ts'
import { followedEntries } from './follow.ts'

interface AuditFlags extends FilterOptions, PagingOptions {
  action?: string
  success?: boolean
  follow?: boolean
}

const columns: Column<AuditEntry>[] = [
  { name: 'logId', header: 'ID', kind: 'id', priority: 10 },
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

/** An entry by itself. */
const showColumns = columns.map((column) => ({ ...column, table: true }))

export function define(audit: Command, context: Context): void {
  audit.description('What happened: steps, tool calls, decisions; the newest first.')
  addEntryFilters(audit, { model: 'of this model', tool: 'of this tool' })
    .option('--action <type>', 'of this type: tool_call, step_end, …', parseText)
    .option('--success <true|false>', 'that succeeded, or failed', parseBoolean)
    .option('--follow', 'the newest 10, or --limit, then new ones until Ctrl-C')
  addPaging(audit).action(() => printAudit(audit, context))
  explain(audit, {
    examples: ['wfstore audit --action tool_call --success false --since 24h'],
  })

  const show = audit
    .command('show')
    .argument('<id>', 'id of the entry, or its first 8 or more characters')
    .summary('one entry, with the input and output of its tool')
    .description('One entry, with the input and output of its tool.')
  explain(show, {
    exit: '6 where there is no such entry.',
    examples: [
      'wfstore audit show 0193f1c2-7a5e',
      'wfstore audit show 0193f1c2 --json | jq .toolInput',
    ],
  }).action(async (id: string) => {
    const options = show.optsWithGlobals<GlobalOptions>()
    rangeOf('audit entry', id)
    selectColumns(showColumns, options.columns)
    const writer = context.writer(options)
    await writer.record(showColumns, await findAuditEntry(await reader(context, options), id))
  })
}

async function printAudit(command: Command, context: Context): Promise<void> {
  const options = command.optsWithGlobals<AuditFlags>()
  checkPage(options)
  selectColumns(columns, options.columns)
  if (options.follow) checkFollow(options)
  const { status: _, ...shared } = await readFilter(options, context)
  const filter: AuditFilter = { ...shared, actionType: options.action, success: options.success }
  const writer = context.writer(options)
  if (options.follow) {
    const asked = command.getOptionValueSource('limit') !== 'default'
    const limit = asked ? options.limit : FOLLOW_LIMIT
    return writer.follow(columns, followedEntries(context, writer, options, filter, limit))
  }
  const store = await context.store(options)
  const query = (paging: object) => store.audit.list({ ...filter, ...paging })
  const telling = tellingPages(context.io, options, query)
  await printPages(writer, { columns, query: telling, empty: 'no audit entries' }, options)
}

const FOLLOW_LIMIT = 10
const MOST_BEFORE = 1000

/** @throws WfstoreError usage for what contradicts --follow */
function checkFollow(options: AuditFlags): void {
  const other = (['until', 'cursor', 'page'] as const).find((name) => options[name] !== undefined)
  if (other !== undefined)
    throw new WfstoreError('usage', `--follow and --${other} contradict each other`, {
      hint: 'new entries come after all there are',
    })
  if (options.json || options.output === 'json')
    throw new WfstoreError('usage', '--follow has no end, and a JSON array needs one', {
      hint: 'give -o jsonl: an object a line',
    })
  if (options.limit > MOST_BEFORE)
    throw new WfstoreError('usage', `--follow begins with at most ${MOST_BEFORE} entries`, {
      hint: 'give a --limit, or read the others without --follow',
    })
}

function parseBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('Give true or false')
  return text === 'true'
}
