import { expect, it } from 'vitest'
import { databaseError } from '../../../src/db/query/errors.ts'

const raised = (code: string, routine: string | undefined) =>
  Object.assign(new Error('refused'), { severity: 'ERROR', code, routine })

it('a query that a standby cancels has a hint that names hot_standby_feedback', () => {
  for (const routine of ['ProcessInterrupts', 'ProcessRecoveryConflictInterrupt'])
    expect(databaseError(raised('40001', routine))).toMatchObject({
      code: 'failed',
      hint: expect.stringContaining('hot_standby_feedback = on'),
    })
  expect(databaseError(raised('40001', 'heap_update')).hint).toBeUndefined()
})

it('a pooler in statement mode is wrong usage; a protocol violation of a server is not', () => {
  const sql = 'begin read only'
  expect(databaseError(raised('08P01', undefined), { sql })).toMatchObject({
    code: 'usage',
    hint: expect.stringContaining('statement mode'),
  })
  expect(databaseError(raised('08P01', 'SocketBackend'), { sql }).code).toBe('unreachable')
})
