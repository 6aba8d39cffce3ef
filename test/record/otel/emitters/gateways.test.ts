// Spans as the source of gateways, servers and assistants writes them. The numbers are made up.
import { inScope, span, testEmitters } from './support.ts'

testEmitters({
  // BerriAI/litellm@00145a6 litellm/integrations/opentelemetry.py, set_attributes: the type of a call, and a second span with the raw request.
  'LiteLLM: the type of the call is its operation': {
    scope: 'litellm',
    root: span(
      'Received Proxy Server Request',
      {},
      span(
        'litellm_request',
        {
          'llm.request.type': 'acompletion',
          'gen_ai.operation.name': 'acompletion',
          'gen_ai.system': 'anthropic',
          'gen_ai.request.model': 'claude-sonnet-4-5',
          'gen_ai.response.model': 'claude-sonnet-4-5-20250929',
          'gen_ai.response.id': 'chatcmpl-0f0e0d0c-1111-2222-3333-444455556666',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 30,
          'gen_ai.usage.total_tokens': 130,
          'metadata.user_api_key_user_id': 'ann',
        },
        span('raw_gen_ai_request', { 'llm.anthropic.model': 'claude-sonnet-4-5' }),
      ),
      // Without content it has no operation.
      span('litellm_request', {
        'llm.request.type': 'aembedding',
        'gen_ai.request.model': 'text-embedding-3-small',
        'gen_ai.usage.input_tokens': 9,
        'gen_ai.usage.output_tokens': 0,
      }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5-20250929', [100, 30, null, null, null]],
      ['model', 'text-embedding-3-small', [9, 0, null, null, null]],
    ],
    run: { userId: 'ann' },
  },
  // Claude Code 2.1.266 (spans of its telemetry): counts have the plain names of its API, so the cache is apart.
  'Claude Code': {
    scope: 'com.anthropic.claude_code.tracing',
    root: span(
      'claude_code.interaction',
      { 'span.type': 'interaction', 'session.id': 'session-7', 'user.id': 'ann' },
      span('claude_code.llm_request', {
        'span.type': 'llm_request',
        model: 'claude-opus-5',
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-opus-5',
        input_tokens: 90_000,
        output_tokens: 1200,
        cache_read_tokens: 84_562,
        cache_creation_tokens: 96,
      }),
      span(
        'claude_code.tool',
        { 'span.type': 'tool', tool_name: 'Bash', 'gen_ai.tool.call.id': 'toolu_1' },
        span('claude_code.tool.blocked_on_user', { 'span.type': 'tool.blocked_on_user' }),
        span('claude_code.tool.execution', { 'span.type': 'tool.execution', tool_name: 'Bash' }),
      ),
    ),
    steps: [
      ['model', 'claude-opus-5', [90_000, 1200, 84_562, 96, null]],
      ['tool', 'Bash'],
    ],
    run: { workflowName: 'claude_code.interaction', sessionId: 'session-7', userId: 'ann' },
  },
  // vllm-project/vllm@03b8a67 vllm/tracing.py, SpanAttributes: the server has the usage that the client of a stream lacks.
  'vLLM: the span of the server is the call of the client': {
    scope: 'opentelemetry.instrumentation.openai_v2',
    root: span(
      'chat llama-3',
      { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'llama-3' },
      inScope(
        'opentelemetry.instrumentation.fastapi',
        span(
          'POST /v1/chat/completions',
          { 'http.request.method': 'POST' },
          inScope(
            'vllm.llm_engine',
            span('llm_request', {
              'gen_ai.response.model': 'llama-3',
              'gen_ai.request.id': 'chatcmpl-1',
              'gen_ai.usage.prompt_tokens': 100,
              'gen_ai.usage.completion_tokens': 30,
            }),
          ),
        ),
      ),
    ),
    steps: [['model', 'llama-3', [100, 30, null, null, null]]],
  },
  // getsentry/relay relay_event_schema::protocol::SpanData; OpenRouter has these names, too.
  'Sentry and OpenRouter: parts of the input and of the output': {
    scope: '',
    root: span('chat gpt-5', {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-5',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.input_tokens.cached': 64,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.output_tokens.reasoning': 12,
      'gen_ai.usage.cache_read_cost': 1,
      'gen_ai.usage.cache_creation_cost': 2,
      'gen_ai.usage.a_reasoning_cost': 3,
      'gen_ai.usage.total_tokens': 130,
    }),
    steps: [['model', 'gpt-5', [36, 18, 64, null, 12]]],
  },
})
