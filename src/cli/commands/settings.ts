import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import type { StoreSettings } from '../../queries/settings.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { addList } from '../options/default-command.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkOutput } from '../options/output.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'

interface Line {
  name: string
  /** Null if it is not set. */
  value: string | null
  setWith: string
}

const columns: Column<Line>[] = [
  { name: 'name', kind: 'text', isName: true, priority: 10 },
  { name: 'value', kind: 'text', flex: { min: 12 }, priority: 9 },
  { name: 'setWith', header: 'SET WITH', kind: 'text', priority: 5 },
]

const COST_TAGS = 'cost-tags'
const ZONE = 'billing-zone'

export function define(settings: Command, context: Context): void {
  prints(settings, 'rows', columns)
  explain(settings, {
    about:
      'These settings are in the database. Those of your config file are in "wfstore config". cost-tags: tags whose values are kept of removed runs, so that cost by tag survives cleanup.',
    examples: ['wfstore settings', 'wfstore settings --json'],
  })
  settings.description('List the settings of the store.').usage('[options] [command]')
  const print = async () => {
    const options = settings.optsWithGlobals<GlobalOptions>()
    checkOutput(columns, options)
    const { settings: kept } = await context.store(options)
    await context.writer(options).list(columns, linesOf(await kept.get()))
  }
  settings.action(print)
  addList(settings, print)

  const set = settings
    .command('set')
    .argument('<name>', 'cost-tags')
    .argument('[value]', 'names of tags: team,project')
    .summary('Set a setting of the store')
    .description('Set a setting of the store.')
    .option('--none', 'no cost tags')
  explain(set, {
    about:
      'A list replaces the one before. It applies to later cleanups: runs that are removed already keep the tags of their time.',
    examples: [
      'wfstore settings set cost-tags team,project',
      'wfstore settings set cost-tags --none',
    ],
  }).action(async (name: string, value: string | undefined) => {
    const options = set.optsWithGlobals<GlobalOptions & { none?: boolean }>()
    checkOutput(columns, options)
    const costTags = tagsOf(name, value, options.none === true)
    const { settings: kept } = await context.store(options)
    const writer = context.writer(options)
    await writer.list(columns, linesOf(await kept.set({ costTags })))
    writer.note(
      `later cleanups keep ${costTags.length === 0 ? 'no tags' : 'these tags'}; runs that are removed already keep those of their time`,
    )
  })
}

/** @throws WfstoreError usage */
function tagsOf(name: string, value: string | undefined, none: boolean): string[] {
  if (name !== COST_TAGS)
    throw new WfstoreError('usage', `${JSON.stringify(name)} cannot be set here`, {
      hint: name === ZONE ? 'run `wfstore billing zone ZONE`' : `use ${COST_TAGS}`,
    })
  if (none && value !== undefined)
    throw new WfstoreError('usage', 'a value and --none cannot be used together', {
      hint: 'use only one of them',
    })
  if (none) return []
  // An unset shell variable must not clear the list.
  if (value === undefined || value.trim() === '')
    throw new WfstoreError('usage', `${COST_TAGS} has no value`, {
      hint: 'give the names of tags, or --none to clear the list',
    })
  const names = value.split(',').map((name) => name.trim())
  if (names.includes(''))
    throw new WfstoreError('usage', `${COST_TAGS} ${JSON.stringify(value)} has an empty name`, {
      hint: 'separate the names of tags by commas: team,project',
    })
  return names
}

const linesOf = ({ costTags, billingZone }: StoreSettings): Line[] => [
  { name: COST_TAGS, value: costTags.join(',') || null, setWith: 'wfstore settings set cost-tags' },
  { name: ZONE, value: billingZone, setWith: 'wfstore billing zone' },
]
