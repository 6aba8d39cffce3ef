import type { Confirm } from '../../db/embedded/server.ts'
import type { Io } from '../io.ts'

/** Asks on the terminal whether to start a database that this user has not created. */
export const trustQuestion =
  (io: Io): Confirm =>
  async (question) => {
    const { confirm, isAttended } = await import('./confirm.ts')
    if (!isAttended(io)) return false
    await confirm(io, question, { unattended: 'refuse' })
    return true
  }
