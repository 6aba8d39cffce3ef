import { type Answer, type Api, contentsOf, partsOf, type Used } from './answer.ts'

/** Anthropic does not report what of its output is reasoning. Its input is without what the cache read or wrote. */
const usageOf = ({ input, cacheRead, cacheWrite, output }: Used) => ({
  input_tokens: input,
  cache_creation_input_tokens: cacheWrite,
  cache_read_input_tokens: cacheRead,
  output_tokens: output,
})

const reasonOf = ({ tool }: Answer) => (tool === undefined ? 'end_turn' : 'tool_use')
const messageOf = (answer: Answer, rest: object) => ({
  id: answer.id,
  type: 'message',
  role: 'assistant',
  model: answer.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  ...rest,
})

/** POST /v1/messages of Anthropic. */
export const anthropicMessages: Api = {
  idPrefix: 'msg_',
  reports: ['input', 'cacheRead', 'cacheWrite', 'output'],
  toolsOf: (body) => partsOf(body, 'tools').map(({ name }) => String(name)),
  hasResult: (body) =>
    contentsOf(partsOf(body, 'messages')).some(({ type }) => type === 'tool_result'),
  whole: (answer) =>
    messageOf(answer, {
      content: [
        answer.tool === undefined
          ? { type: 'text', text: answer.text }
          : {
              type: 'tool_use',
              id: answer.tool.id,
              name: answer.tool.name,
              input: JSON.parse(answer.tool.arguments),
            },
      ],
      stop_reason: reasonOf(answer),
      usage: usageOf(answer.used),
    }),
  events: (answer) =>
    [
      {
        type: 'message_start',
        message: messageOf(answer, { usage: usageOf({ ...answer.used, output: 1 }) }),
      },
      {
        type: 'content_block_start',
        index: 0,
        content_block: answer.tool
          ? { type: 'tool_use', id: answer.tool.id, name: answer.tool.name, input: {} }
          : { type: 'text', text: '' },
      },
      {
        type: 'content_block_delta',
        index: 0,
        delta: answer.tool
          ? { type: 'input_json_delta', partial_json: answer.tool.arguments }
          : { type: 'text_delta', text: answer.text },
      },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: reasonOf(answer), stop_sequence: null },
        usage: usageOf(answer.used),
      },
      { type: 'message_stop' },
    ].map((data) => ({ event: data.type, data })),
  error: (status, message) => ({
    type: 'error',
    error: { type: status === 429 ? 'rate_limit_error' : 'invalid_request_error', message },
  }),
}
