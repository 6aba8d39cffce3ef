import { type Answer, type Api, partsOf, type Used } from './answer.ts'
import { openaiChat } from './openai-chat.ts'

const usageOf = ({ input, cacheRead, output, reasoning }: Used) => ({
  input_tokens: input + cacheRead,
  input_tokens_details: { cached_tokens: cacheRead },
  output_tokens: output + reasoning,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + cacheRead + output + reasoning,
})

const itemOf = ({ id, tool, text }: Answer) =>
  tool === undefined
    ? {
        type: 'message',
        id: `msg_${id}`,
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text, annotations: [] }],
      }
    : {
        type: 'function_call',
        id: `fc_${id}`,
        status: 'completed',
        call_id: tool.id,
        name: tool.name,
        arguments: tool.arguments,
      }

const responseOf = (answer: Answer, status: 'completed' | 'in_progress') => ({
  id: answer.id,
  object: 'response',
  created_at: 1_764_000_000,
  status,
  model: answer.model,
  error: null,
  incomplete_details: null,
  output: status === 'completed' ? [itemOf(answer)] : [],
  usage: status === 'completed' ? usageOf(answer.used) : null,
})

/** POST /v1/responses of OpenAI. */
export const openaiResponses: Api = {
  idPrefix: 'resp_',
  reports: openaiChat.reports,
  toolsOf: (body) => partsOf(body, 'tools').map(({ name }) => String(name)),
  hasResult: (body) => partsOf(body, 'input').some(({ type }) => type === 'function_call_output'),
  whole: (answer) => responseOf(answer, 'completed'),
  events: (answer) => {
    const item = itemOf(answer)
    const place = { output_index: 0, item_id: item.id }
    const part = { ...place, content_index: 0 }
    const middle =
      answer.tool === undefined
        ? [{ type: 'response.output_text.delta', ...part, delta: answer.text, logprobs: [] }]
        : [
            {
              type: 'response.function_call_arguments.delta',
              ...place,
              delta: answer.tool.arguments,
            },
            {
              type: 'response.function_call_arguments.done',
              ...place,
              name: answer.tool.name,
              arguments: answer.tool.arguments,
            },
          ]
    const begun = answer.tool ? { ...item, arguments: '' } : { ...item, content: [] }
    return [
      { type: 'response.created', response: responseOf(answer, 'in_progress') },
      { type: 'response.output_item.added', output_index: 0, item: begun },
      ...middle,
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: responseOf(answer, 'completed') },
    ].map((data, place) => ({ event: data.type, data: { ...data, sequence_number: place } }))
  },
  error: openaiChat.error,
}
