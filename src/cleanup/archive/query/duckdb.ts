import type { DuckDBConnection } from '@duckdb/node-api'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'

/** A bundler that saw this name in an import would take the native module into every application. */
const PACKAGE = '@duckdb/node-api'

type DuckDB = typeof import('@duckdb/node-api')

/** DuckDB has 70 MB, so it is installed by those who use it. @throws WfstoreError failed */
export async function loadDuckDB(
  load: (name: string) => Promise<DuckDB> = (name) => import(name),
): Promise<DuckDB> {
  try {
    return await load(PACKAGE)
  } catch (cause) {
    const { code = '', message } = describe(cause)
    if (/MODULE_NOT_FOUND$/.test(code) && message.includes('@duckdb/node-api'))
      throw new WfstoreError('failed', 'DuckDB is not installed', {
        hint: 'run `npm install @duckdb/node-api` in the project of wfstore, with -g if wfstore is installed globally',
        cause,
      })
    throw new WfstoreError('failed', `cannot load DuckDB: ${message.split('\n')[0]}`, { cause })
  }
}

/** A database in memory that installs and loads no extension. @param folder for what does not fit into memory */
export async function openMemory({ DuckDBInstance }: DuckDB, folder: string) {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: folder,
  })
  const connection = await instance.connect()
  await connection.run(`set TimeZone = 'UTC'`)
  return {
    connection,
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** From now on queries can read these files and no others, and cannot change this. */
export async function lockIn(connection: DuckDBConnection, paths: string[]): Promise<void> {
  await connection.run(`set allowed_paths = [${paths.map(literal).join(', ')}];
    set enable_external_access = false; set lock_configuration = true`)
}

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Errors in the text of the query; the others come from its data or from the machine. */
const WRONG = /^(Parser|Binder|Catalog|Syntax|Permission|Not implemented|Invalid Input) Error: /

/** The first line of an error of DuckDB. The others repeat the query. */
export function queryError(error: unknown, tables: readonly string[]): WfstoreError {
  if (error instanceof WfstoreError) return error
  const message = describe(error).message.replace(/^Failed to extract statements: /, '')
  const [line = ''] = message.split('\n')
  const [, near] = /\n(Did you mean .*)/.exec(message) ?? []
  if (!WRONG.test(message)) return new WfstoreError('failed', line, { cause: error })
  const hint = message.startsWith('Permission')
    ? 'read only the tables of the archives: a query has no access to other files'
    : `${near ? `${near} ` : ''}the tables are ${tables.join(', ')}`
  return new WfstoreError('usage', line, { hint, cause: error })
}
