import { expect, it } from 'vitest'
import { formatError } from '../../../../src/cli/output/text/error.ts'
import { WfstoreError } from '../../../../src/error.ts'

const error = new WfstoreError('no_database', 'no database is set', {
  hint: 'set WFSTORE_DATABASE_URL',
})
const hostile = new WfstoreError('failed', 'bad\nvalue \x1b]0;owned\x07 \u202e "x"')

it('is one line with the problem and what to do', () => {
  expect(formatError(error, { json: false, color: false })).toBe(
    'error: no database is set; set WFSTORE_DATABASE_URL',
  )
  expect(formatError(error, { json: false, color: true })).toBe(
    '\x1b[31merror:\x1b[39m no database is set; set WFSTORE_DATABASE_URL',
  )
})

it('is one line of JSON for programs', () => {
  expect(formatError(error, { json: true, color: true })).toBe(
    '{"error":{"code":"no_database","message":"no database is set","hint":"set WFSTORE_DATABASE_URL"}}',
  )
  expect(formatError(hostile, { json: true, color: false })).toBe(
    '{"error":{"code":"failed","message":"bad\\nvalue \\u001b]0;owned\\u0007 \\u202e \\"x\\"","hint":null}}',
  )
})

it('shows hostile characters of a message', () => {
  expect(formatError(hostile, { json: false, color: false })).toBe(
    'error: bad\\nvalue \\x1b]0;owned\\x07 \\u202e "x"',
  )
})

it('has more details below the line on request', () => {
  const verbose = 'WfstoreError: x\n    at y\x1b[2J\nselect 1\n'
  expect(formatError(error, { json: false, color: false, verbose })).toBe(
    'error: no database is set; set WFSTORE_DATABASE_URL\nWfstoreError: x\n    at y\\x1b[2J\nselect 1',
  )
  expect(JSON.parse(formatError(error, { json: true, color: false, verbose }))).toEqual({
    error: {
      code: 'no_database',
      message: 'no database is set',
      hint: 'set WFSTORE_DATABASE_URL',
      detail: verbose,
    },
  })
})

it('an error wraps at spaces on a terminal', () => {
  const error = new WfstoreError('usage', 'the value is not a valid time', { hint: 'use a date' })
  expect(formatError(error, { json: false, color: false, width: 30 })).toBe(
    'error: the value is not a\nvalid time; use a date',
  )
})
