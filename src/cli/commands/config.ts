import type { Command } from 'commander'
import type { Named, Setting } from '../config/list.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { type Column, selectColumns } from '../output/column.ts'

const settingColumns: Column<Setting>[] = [
  { name: 'setting', kind: 'text' },
  { name: 'value', kind: 'text' },
  { name: 'source', kind: 'text', wrap: '' },
]

const profileColumns: Column<Named>[] = [
  { name: 'profile', kind: 'text' },
  { name: 'inUse', kind: 'boolean' },
  { name: 'isDefault', header: 'DEFAULT', kind: 'boolean' },
  { name: 'production', kind: 'boolean' },
  { name: 'database', kind: 'text', flex: { min: 20 } },
  { name: 'schema', kind: 'text' },
  { name: 'problem', kind: 'text', flex: { min: 16 } },
]

export function define(config: Command, context: Context): void {
  explain(config, {
    about:
      'The config is wfstore.config.json in this folder or a folder above it. docs/CONFIG.md describes it.',
    examples: ['wfstore config', 'wfstore config --profile staging', 'wfstore config -o json | jq'],
  })
  config
    .usage('[options] [command]')
    .description(
      'Show each setting and where it comes from. Connects to nothing and shows no passwords.',
    )
    .action(async () => {
      const options = config.optsWithGlobals<GlobalOptions>()
      selectColumns(settingColumns, options.columns)
      const { listSettings } = await import('../config/list.ts')
      const { rows, problem } = await listSettings(context, options)
      await context.writer(options).list(settingColumns, rows)
      if (problem) throw problem
    })

  const profiles = config
    .command('profiles')
    .summary('List the profiles of the config')
    .description('List the profiles of the config.')
  explain(profiles, { examples: ['wfstore config profiles', 'wfstore config profiles -o csv'] })
  profiles.action(async () => {
    const options = profiles.optsWithGlobals<GlobalOptions>()
    selectColumns(profileColumns, options.columns)
    const { listProfiles } = await import('../config/list.ts')
    const rows = await listProfiles(context)
    const { config: file } = context.settings()
    const empty = file ? `no profiles in ${file.path}` : 'no config'
    await context.writer(options).list(profileColumns, rows, { empty })
  })
}
