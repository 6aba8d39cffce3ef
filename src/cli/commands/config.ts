import type { Command } from 'commander'
import type { ListedProfile, Setting } from '../config/list.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkOutput } from '../options/output.ts'
import type { Column } from '../output/column.ts'

const settingColumns: Column<Setting>[] = [
  { name: 'setting', kind: 'text', isName: true },
  { name: 'value', kind: 'text' },
  { name: 'source', kind: 'text', wrap: '' },
]

const profileColumns: Column<ListedProfile>[] = [
  { name: 'profile', kind: 'text', isName: true },
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
      'The config file is wfstore.config.json in this folder or a folder above it. See wfstore help config-file.',
    examples: ['wfstore config', 'wfstore config --profile staging', 'wfstore config -o json | jq'],
  })
  config
    .usage('[options] [command]')
    .description(
      'Show settings and where they come from. Does not connect; passwords are not shown.',
    )
    .action(async () => {
      const options = config.optsWithGlobals<GlobalOptions>()
      checkOutput(settingColumns, options)
      const { listSettings } = await import('../config/list.ts')
      const { rows, problem } = await listSettings(context, options)
      await context.writer(options).list(settingColumns, rows)
      if (problem) throw problem
    })

  const profiles = config
    .command('profiles')
    .summary('List the profiles of the config file')
    .description('List the profiles of the config file.')
  explain(profiles, { examples: ['wfstore config profiles', 'wfstore config profiles -o csv'] })
  profiles.action(async () => {
    const options = profiles.optsWithGlobals<GlobalOptions>()
    checkOutput(profileColumns, options)
    const { listProfiles } = await import('../config/list.ts')
    const rows = await listProfiles(context)
    const { config: file } = context.settings()
    const empty = file ? `no profiles in ${file.path}` : 'no config file'
    await context.writer(options).list(profileColumns, rows, { empty })
  })
}
