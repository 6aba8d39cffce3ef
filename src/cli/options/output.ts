import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import { type Column, nameColumn, selectColumns } from '../output/column.ts'
import type { Format } from '../output/format.ts'
import type { GlobalOptions } from './global.ts'

/**
 * Checks the options of the output before a command begins.
 * @throws WfstoreError usage if --columns has an unknown name, or if the rows have no name for -o name
 */
export function checkOutput<Row>(
  columns: readonly Column<Row>[],
  options: Pick<GlobalOptions, 'columns' | 'headers' | 'json'> & { output?: string | undefined },
): void {
  selectColumns(columns, options.columns)
  if (options.output === 'name') nameColumn(columns)
}

/** Options of the output that a command with one fixed form cannot have. A config may set them for the other commands. */
const FORMS = { output: '--output', json: '--json', columns: '--columns', headers: '--no-headers' }

/**
 * @param form the name of what it prints, if that is a format
 * @throws WfstoreError usage if an option asks for another output than the text that the command prints
 */
export function checkTextOnly(
  command: Command,
  path: string,
  what: string,
  form: Format = 'table',
): void {
  const given = Object.entries(FORMS).find(
    ([name]) =>
      command.getOptionValueSourceWithGlobals(name) === 'cli' &&
      command.optsWithGlobals()[name] !== form,
  )
  if (given === undefined) return
  const { output } = command.optsWithGlobals<GlobalOptions>()
  const flag = given[0] === 'output' ? `--output ${output}` : given[1]
  throw new WfstoreError('usage', `${path} does not support ${flag}: it prints ${what}`, {
    hint: `remove ${given[1]}`,
  })
}

/** @throws WfstoreError usage if two options contradict each other */
export function formatOf({ output, json, columns, headers = true }: GlobalOptions): Format {
  if (json && output && output !== 'json') {
    throw new WfstoreError('usage', `--json and --output ${output} cannot be used together`, {
      hint: 'use only one of them',
    })
  }
  const format = json ? 'json' : (output ?? 'table')
  if (!headers && !HEADED.includes(format)) {
    throw new WfstoreError('usage', `--no-headers cannot be used with --output ${format}`, {
      hint: `use it with ${HEADED.join(', ')}`,
    })
  }
  if (format === 'name' && columns !== undefined) {
    throw new WfstoreError('usage', '--columns cannot be used with --output name', {
      hint: 'use --output tsv --no-headers',
    })
  }
  return format
}

/** Formats with a header line. */
const HEADED: readonly Format[] = ['table', 'csv', 'tsv']
