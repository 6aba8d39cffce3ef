import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { expect, it } from 'vitest'
import { readMessage } from '../../../../src/record/otel/decode/protobuf.ts'
import {
  addRejected,
  NONE_REJECTED,
  rejectedText,
} from '../../../../src/record/otel/decode/rejected.ts'
import { failureBody, successBody } from '../../../../src/record/otel/decode/response.ts'

const rejected = { count: 3, reasons: { 'the trace id is all zeros': 1, 'a field is wrong': 2 } }
const text = '3 spans are refused: a field is wrong (2), the trace id is all zeros (1)'
const parse = (body: Uint8Array) => JSON.parse(Buffer.from(body).toString())

it('a response without refused spans is empty', async () => {
  expect(await successBody(NONE_REJECTED, 'protobuf')).toHaveLength(0)
  expect(parse(await successBody(NONE_REJECTED, 'json'))).toEqual({})
})

it('a partial success counts and names what is refused, as the exporters of OpenTelemetry read it', async () => {
  const bytes = await successBody(rejected, 'protobuf')
  const response = ProtobufTraceSerializer.deserializeResponse(bytes)
  expect(response).toEqual({ partialSuccess: { rejectedSpans: 3, errorMessage: text } })
  expect(parse(await successBody(rejected, 'json'))).toEqual({
    partialSuccess: { rejectedSpans: '3', errorMessage: text },
  })
})

it('a failure is a google.rpc.Status in both encodings', async () => {
  const status = { code: 8, message: 'the queue is full' }
  expect(parse(await failureBody('resourceExhausted', status.message, 'json'))).toEqual(status)
  const bytes = await failureBody('resourceExhausted', status.message, 'protobuf')
  expect(await readMessage(bytes, 'RpcStatus')).toEqual(status)
})

it('rejected spans add up by reason', () => {
  const one = { count: 1, reasons: { 'a field is wrong': 1 } }
  expect(addRejected(NONE_REJECTED, one)).toEqual(one)
  expect(rejectedText(addRejected(one, NONE_REJECTED))).toBe('1 span is refused: a field is wrong')
  expect(addRejected(rejected, one).reasons).toEqual({ ...rejected.reasons, 'a field is wrong': 3 })
})
