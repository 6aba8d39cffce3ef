import { expect, it } from 'vitest'
import { failureLine } from '../../../../src/cli/commands/serve/failure.ts'
import { WfstoreError } from '../../../../src/error.ts'

const cause = Object.assign(new Error('x'), { code: '22P02', severity: 'ERROR' })

it.each([
  [new WfstoreError('unreachable', 'no answer within 10 s'), 'no answer within 10 s'],
  [
    new WfstoreError('failed', 'the query takes longer than 30 s', { sqlState: '57014' }),
    'the query takes longer than 30 s',
  ],
  [
    new WfstoreError('failed', 'invalid input syntax: "secret"', { cause, sqlState: '22P02' }),
    'the database refuses a query (SQLSTATE 22P02)',
  ],
  [new WfstoreError('failed', 'secret'), 'an error (failed)'],
])('%s is printed without anything of a request', (error, line) => {
  expect(failureLine(error)).toBe(line)
})

it('an error of the program itself has its place, and not its message', () => {
  const line = failureLine(new TypeError('secret is not a function'))
  expect(line).toMatch(/^TypeError at .*failure\.test\.ts/)
  expect(line).not.toContain('secret')
  expect(failureLine('secret')).toBe('Error at an unknown place')
})
