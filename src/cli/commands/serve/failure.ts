import { WfstoreError } from '../../../error.ts'
import { isTimeout } from '../../../server/database.ts'

/** Errors whose message may have values of a request or of rows. */
const PRIVATE = ['failed', 'usage', 'conflict', 'not_found']

/** An error of the server for its log, without anything of a request. */
export function failureLine(error: unknown): string {
  if (error instanceof WfstoreError) {
    const { code, message, sqlState } = error
    if (isTimeout(error) || !PRIVATE.includes(code)) return message
    return sqlState === undefined
      ? `an error (${code})`
      : `the database refuses a query (SQLSTATE ${sqlState})`
  }
  const { name, stack = '' } = error as Error
  const [, place = 'an unknown place'] = /\n\s+at (.*)/.exec(stack) ?? []
  return `${name ?? 'Error'} at ${place}`
}
