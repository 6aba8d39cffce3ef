import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import type { Format } from '../output/writer.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  databaseUrl?: string
  profile?: string
  schema?: string
  output?: Format
  json?: boolean
  columns?: string[]
  color?: 'auto' | 'always' | 'never'
  tz?: string
  verbose?: boolean
}

export interface TargetOptions extends GlobalOptions {
  /** May an embedded database be made? */
  create?: boolean
  /** Only --database-url and the embedded database count: what `demo` fills must not be somebody's own. */
  ignoreEnvironment?: boolean
}

export const OUTPUT_FORMATS = ['table', 'json', 'jsonl', 'csv'] as const

/** The options of every command; `formats` are forms of output that only some have. */
export function addGlobalOptions(program: Command, formats: readonly string[]): Command {
  return program
    .option(
      '--database-url <url>',
      'the database (default: WFSTORE_DATABASE_URL, DATABASE_URL, PG*, else .wfstore/ here)',
    )
    .option('--profile <name>', 'database and settings that the config has under this name')
    .option('--schema <name>', 'schema of the tables (default: from the search path)', parseSchema)
    .addOption(
      // Which command it is for is not known while it is read: see checkFormat.
      new Option('-o, --output <format>', 'form of the output')
        .choices(OUTPUT_FORMATS)
        .argParser((format) => parseFormat(format, formats)),
    )
    .option('--json', 'the same as --output json')
    .option('--columns <names>', 'columns to print, in this order, separated by commas', splitNames)
    .addOption(
      new Option('--color <when>', 'colours on a terminal').choices(['auto', 'always', 'never']),
    )
    .option(
      '--tz <zone>',
      'time zone, an IANA name, of dates given (default: UTC) and of times on a terminal (default: local)',
    )
    .option('--verbose', 'print the stack and the SQL of an error')
}

export const isUsual = (format: string) => (OUTPUT_FORMATS as readonly string[]).includes(format)

function parseFormat(format: string, others: readonly string[]): string {
  if (isUsual(format) || others.includes(format)) return format
  throw new InvalidArgumentError(`Allowed choices are ${OUTPUT_FORMATS.join(', ')}.`)
}

/** PostgreSQL would cut a longer name without a word, and keeps pg_ for itself. */
function parseSchema(name: string): string {
  if (name === '' || Buffer.byteLength(name) > 63 || /^pg_/i.test(name)) {
    throw new InvalidArgumentError('Give a name of 1 to 63 bytes that does not begin with pg_')
  }
  return name
}

const splitNames = (names: string): string[] => names.split(',').map((name) => name.trim())

/** https://no-color.org: NO_COLOR counts when it is not empty. */
export function useColor(
  choice: GlobalOptions['color'],
  isTTY: boolean,
  env: Environment,
): boolean {
  if (choice === 'always' || choice === 'never') return choice === 'always'
  return isTTY && !env.NO_COLOR && env.TERM !== 'dumb'
}

/** Is the output for a program rather than a person? */
export const isData = ({ json, output }: GlobalOptions): boolean =>
  json === true || (output !== undefined && output !== 'table')
