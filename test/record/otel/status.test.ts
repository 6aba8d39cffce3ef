import { describe, expect, it } from 'vitest'
import { agent, at, chat, span, tool, traced } from './spans.ts'

describe('the status of a run', () => {
  const failedCall = chat('call', { parent: 'root', error: 'call refused' }, null)
  const failedTool = tool('weather', { parent: 'root', from: 20, error: 'no city' })

  it('is that of the root: a failed step is no failed run', () => {
    const run = traced([span('root'), failedCall, failedTool])
    expect(run).toMatchObject({ status: 'success', errorMessage: null })
    expect(run.steps).toMatchObject([
      { status: 'failed', errorMessage: 'call refused' },
      { status: 'failed', errorMessage: 'no city' },
    ])
  })

  it('has the message of the root, or else of the last failure below it', () => {
    const message = (given: object, attributes: object = {}) =>
      traced([span('root', given, { ...attributes }), failedCall, failedTool]).errorMessage
    const exception = {
      name: 'exception',
      time: at(0),
      attributes: { 'exception.type': 'Timeout', 'exception.message': 'too late' },
    }
    expect(message({ error: 'broken', events: [exception] })).toBe('broken')
    expect(message({ error: true, events: [exception] })).toBe('too late')
    expect(message({ error: true }, { 'error.message': 'm', 'error.type': 't' })).toBe('m')
    expect(message({ error: true }, { 'error.type': '_OTHER' })).toBe('_OTHER')
    expect(message({ error: true })).toBe('no city')
  })

  it('is failed without a root if a step has failed', () => {
    expect(traced([failedCall])).toMatchObject({ status: 'failed', errorMessage: 'call refused' })
    expect(traced([tool('a', { parent: 'x' })]).status).toBe('success')
  })

  it.each([
    [{ 'langfuse.observation.level': 'ERROR' }, 'failed'],
    [{ 'langfuse.observation.level': 'WARNING' }, 'success'],
    [{ 'genkit:state': 'error' }, 'failed'],
    [{ 'genkit:state': 'success' }, 'success'],
    [{ 'error.type': 'x' }, 'success'],
  ])('%j is %s', (attributes, status) => {
    expect(traced([agent('root', {}, attributes)]).status).toBe(status)
  })

  it('has one line of a message, of at most 1,000 characters', () => {
    const message = (error: string) => traced([chat('a', { error }, null)]).errorMessage
    expect(message('\n  Error: no key\n    at main (app.js:1)\n')).toBe('Error: no key')
    expect(message('x'.repeat(5_000_000))).toHaveLength(1000)
    expect(message(`a\0b${'😀'.repeat(600)}`)).toMatch(/^a�b😀*�?$/u)
  })
})
