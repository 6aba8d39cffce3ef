import pg from 'pg'
import { expect, it } from 'vitest'
import { databaseError, refusesRow, sqlStateOf } from '../../../src/db/query/errors.ts'
import { WfstoreError } from '../../../src/index.ts'

function fromServer(code: string, message = 'words of the server') {
  const error = new pg.DatabaseError(message, 0, 'error')
  return Object.assign(error, { code, severity: 'ERROR' })
}

it('an error has the SQLSTATE of the server, and an error that it causes has it too', () => {
  const error = databaseError(fromServer('23505'), { sql: 'insert' })
  expect(error).toMatchObject({ code: 'failed', sqlState: '23505', sql: 'insert' })
  expect(databaseError(fromServer('42501'))).toMatchObject({
    code: 'permission_denied',
    sqlState: '42501',
  })
  expect(new WfstoreError('locked', 'in use', { cause: error }).sqlState).toBe('23505')
  expect(databaseError(error)).toBe(error)
})

it('an error that is not from a server has no SQLSTATE, even if its code has five letters', () => {
  const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
  expect(databaseError(broken)).toMatchObject({ code: 'unreachable', sqlState: undefined })
  expect(databaseError(new Error('words'))).toMatchObject({ code: 'failed', sqlState: undefined })
  expect(new WfstoreError('usage', 'words').sqlState).toBeUndefined()
  for (const nothing of [undefined, null, 'EPIPE']) expect(sqlStateOf(nothing)).toBeUndefined()
})

it('only codes decide that the connection is lost', () => {
  const words = [
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
  ]
  for (const message of words) {
    expect(databaseError(new Error(message)).code).toBe('failed')
    expect(databaseError(fromServer('XX000', message)).code).toBe('failed')
  }
  for (const code of ['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])
    expect(databaseError(Object.assign(new Error('x'), { code })).code).toBe('unreachable')
  for (const code of ['08006', '08P01', '57P01', '57P03', '53300'])
    expect(databaseError(fromServer(code))).toMatchObject({ code: 'unreachable', sqlState: code })
})

it.each([
  ['22003', /^check the numbers/],
  ['54000', /^use a shorter text/],
])(
  'a value that its column cannot hold is a failure of its row, with a hint: %s',
  (state, hint) => {
    const error = databaseError(fromServer(state))
    expect(error).toMatchObject({ code: 'failed', hint: expect.stringMatching(hint) })
    expect(refusesRow(error)).toBe(true)
    expect(refusesRow(databaseError(fromServer('53100')))).toBe(false)
  },
)
