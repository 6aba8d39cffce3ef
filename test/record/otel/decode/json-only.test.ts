import { expect, it, vi } from 'vitest'
import { decodeRequest } from '../../../../src/record/otel/decode/decode.ts'
import { decodeLines } from '../../../../src/record/otel/decode/lines.ts'
import { NONE_REJECTED } from '../../../../src/record/otel/decode/rejected.ts'
import { failureBody, successBody } from '../../../../src/record/otel/decode/response.ts'

vi.mock('@bufbuild/protobuf/wire', () => {
  throw new Error('the parser is loaded')
})

it('JSON does not load the parser of protobuf, and protobuf does', async () => {
  async function* file() {
    yield '{}\n'
  }
  for await (const { fault } of decodeLines(file())) expect(fault).toBe(undefined)
  const rejected = { count: 1, reasons: { 'a field is wrong': 1 } }
  await decodeRequest(Buffer.from('{}'), 'json')
  await successBody(rejected, 'json')
  await failureBody('internal', 'm', 'json')
  await successBody(NONE_REJECTED, 'protobuf')
  await expect(successBody(rejected, 'protobuf')).rejects.toThrow()
})
