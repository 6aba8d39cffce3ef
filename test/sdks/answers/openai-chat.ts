import { type Answer, type Api, type Body, partsOf, type Used } from './answer.ts'

const usageOf = ({ input, cacheRead, output, reasoning }: Used) => ({
  prompt_tokens: input + cacheRead,
  completion_tokens: output + reasoning,
  total_tokens: input + cacheRead + output + reasoning,
  prompt_tokens_details: { cached_tokens: cacheRead, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
})

const reasonOf = ({ tool }: Answer) => (tool === undefined ? 'stop' : 'tool_calls')
const callOf = ({ tool }: Answer) =>
  tool && {
    id: tool.id,
    type: 'function',
    function: { name: tool.name, arguments: tool.arguments },
  }

/** POST /v1/chat/completions of OpenAI. */
export const openaiChat: Api = {
  idPrefix: 'chatcmpl-',
  reports: ['input', 'cacheRead', 'output', 'reasoning'],
  toolsOf: (body) =>
    partsOf(body, 'tools').map(({ function: called }) => String((called as Body).name)),
  hasResult: (body) => partsOf(body, 'messages').some(({ role }) => role === 'tool'),
  whole: (answer) => {
    const call = callOf(answer)
    return {
      id: answer.id,
      object: 'chat.completion',
      created: 1_764_000_000,
      model: answer.model,
      choices: [
        {
          index: 0,
          finish_reason: reasonOf(answer),
          message: {
            role: 'assistant',
            content: call ? null : answer.text,
            refusal: null,
            ...(call && { tool_calls: [call] }),
          },
        },
      ],
      usage: usageOf(answer.used),
    }
  },
  events: (answer, body) => {
    const call = callOf(answer)
    const chunk = (rest: object) => ({
      data: {
        id: answer.id,
        object: 'chat.completion.chunk',
        created: 1_764_000_000,
        model: answer.model,
        ...rest,
      },
    })
    const delta = (of: object, reason: string | null = null) =>
      chunk({ choices: [{ index: 0, delta: of, finish_reason: reason }] })
    const wanted = (body.stream_options as Body | undefined)?.include_usage === true
    return [
      delta({ role: 'assistant', content: call ? null : '' }),
      call ? delta({ tool_calls: [{ index: 0, ...call }] }) : delta({ content: answer.text }),
      delta({}, reasonOf(answer)),
      ...(wanted ? [chunk({ choices: [], usage: usageOf(answer.used) })] : []),
      { data: '[DONE]' },
    ]
  },
  error: (status, message) => ({
    error: { message, type: status === 429 ? 'rate_limit_error' : 'invalid_request_error' },
  }),
}
