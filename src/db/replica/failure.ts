import { WfstoreError } from '../../error.ts'
import { isRecoveryConflict } from '../query/errors.ts'

/**
 * Why work that has failed on a replica is done on the primary; undefined if the primary would refuse it too. What a replica does
 * not have may have been written since.
 */
export function failureOf(error: unknown): string | undefined {
  if (isRecoveryConflict(error)) return 'has cancelled the query twice'
  if (!(error instanceof WfstoreError)) return undefined
  if (error.code === 'not_found') return 'does not have it'
  return error.code === 'unreachable' ? 'is lost' : undefined
}
