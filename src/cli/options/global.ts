import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import { FORMATS, type Format } from '../output/format.ts'
import { DEFAULT_MAX_LAG, parseMaxLag } from './max-lag.ts'
import type { Duration } from './span.ts'

/** Options of all commands. */
export interface GlobalOptions {
  databaseUrl?: string
  reportsUrl?: string
  maxLag?: Duration
  profile?: string
  schema?: string
  output?: Format
  json?: boolean
  columns?: string[]
  /** false for --no-headers. */
  headers?: boolean
  color?: 'auto' | 'always' | 'never'
  tz?: string
  verbose?: boolean
}

export interface TargetOptions extends GlobalOptions {
  /** Create the embedded database if there is none. */
  create?: boolean
  /** Use only --database-url or the embedded database, so that `demo` never fills the user's own database. */
  ignoreEnvironment?: boolean
}

/** Adds the options of all commands. `formats` are output formats that only some commands have. */
export function addGlobalOptions(program: Command, formats: readonly string[]): Command {
  return program
    .option(
      '--database-url <url>',
      'database to use (default: WFSTORE_DATABASE_URL, DATABASE_URL, PG*, or .wfstore/ in this folder)',
    )
    .option(
      '--reports-url <url>',
      'replica to read from (default: WFSTORE_REPORTS_URL; of a profile its own)',
    )
    .option(
      '--max-lag <duration>',
      `how far the replica may be behind, else the primary answers; or any (default: ${DEFAULT_MAX_LAG})`,
      parseMaxLag,
    )
    .option('--profile <name>', 'use the database and settings of this profile in the config file')
    .option('--schema <name>', 'schema of the tables (default: from search_path)', parseSchema)
    .addOption(
      // The command is not known yet while the option is parsed: see checkFormat.
      new Option('-o, --output <format>', 'output format')
        .choices(FORMATS)
        .argParser((format) => parseFormat(format, formats)),
    )
    .option('--json', 'same as --output json')
    .option('--columns <names>', 'columns to print, in this order, separated by commas', splitNames)
    .option('--no-headers', 'print no header line in tables, CSV and TSV')
    .addOption(new Option('--color <when>', 'use colours').choices(['auto', 'always', 'never']))
    .option(
      '--tz <zone>',
      'time zone (IANA name) of dates that you give (default: UTC) and of times on a terminal (default: local)',
    )
    .option('--verbose', 'print the stack trace and the SQL of an error')
}

export const isUsual = (format: string) => (FORMATS as readonly string[]).includes(format)

function parseFormat(format: string, others: readonly string[]): string {
  if (isUsual(format) || others.includes(format)) return format
  throw new InvalidArgumentError(`Allowed choices are ${FORMATS.join(', ')}.`)
}

/** PostgreSQL silently truncates longer names and reserves the prefix pg_. */
function parseSchema(name: string): string {
  if (name === '' || Buffer.byteLength(name) > 63 || /^pg_/i.test(name)) {
    throw new InvalidArgumentError('It must have 1 to 63 bytes and must not begin with pg_')
  }
  return name
}

const splitNames = (names: string): string[] => names.split(',').map((name) => name.trim())

/** See https://no-color.org: NO_COLOR applies if it is not empty. */
export function useColor(
  choice: GlobalOptions['color'],
  isTTY: boolean,
  env: Environment,
): boolean {
  if (choice === 'always' || choice === 'never') return choice === 'always'
  return isTTY && !env.NO_COLOR && env.TERM !== 'dumb'
}

/** Whether the output is meant for a program. */
export const isData = ({ json, output }: GlobalOptions): boolean =>
  json === true || (output !== undefined && output !== 'table')
