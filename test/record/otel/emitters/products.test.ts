// Spans as the source of observability products, gateways and assistants writes them. The numbers are made up.
import { inScope, span, testEmitters } from './support.ts'

const json = JSON.stringify

testEmitters({
  // langfuse/langfuse-python@4.14.3 openai.py, _parse_usage: the usage of OpenAI as it is.
  'Langfuse for Python: usage of OpenAI as it is': {
    scope: 'langfuse-sdk',
    root: span(
      'shop',
      { 'langfuse.observation.type': 'span', 'langfuse.trace.name': 'Shop', 'user.id': 'ann' },
      span('OpenAI-generation', {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'gpt-5',
        'langfuse.observation.usage_details': json({
          prompt_tokens: 100,
          completion_tokens: 30,
          total_tokens: 130,
          prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 12, audio_tokens: 0 },
        }),
      }),
      span('OpenAI-generation', {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'gpt-5',
        'langfuse.observation.usage_details': json({
          input_tokens: 100,
          output_tokens: 30,
          total_tokens: 130,
          input_tokens_details: { cached_tokens: 64 },
          output_tokens_details: { reasoning_tokens: 12 },
        }),
      }),
      span('retriever', { 'langfuse.observation.type': 'retriever' }),
    ),
    steps: [
      ['model', 'gpt-5', [36, 18, 64, null, 12]],
      ['model', 'gpt-5', [36, 18, 64, null, 12]],
    ],
    run: { workflowName: 'Shop', userId: 'ann' },
  },
  // langfuse/langfuse-python@4.14.3 langchain/CallbackHandler.py, _parse_usage_model: parts are taken out of input and output.
  'Langfuse for LangChain: parts are taken out': {
    scope: 'langfuse-sdk',
    root: span(
      'chain',
      { 'langfuse.observation.type': 'chain' },
      span('ChatAnthropic', {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'claude-sonnet-4-5',
        'langfuse.observation.usage_details': json({
          input: 100,
          output: 30,
          total: 1130,
          input_cache_read: 700,
          input_cache_creation: 0,
          input_ephemeral_5m_input_tokens: 300,
        }),
      }),
      span('ChatVertexAI', {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'gemini-2.5-pro',
        'langfuse.observation.usage_details': json({
          input: 0,
          output: 0,
          total: 130,
          input_modality_TEXT: 36,
          cached_modality_TEXT: 64,
          output_modality_TEXT: 30,
        }),
      }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5', [100, 30, 700, 300, null]],
      ['model', 'gemini-2.5-pro', [36, 30, 64, null, null]],
    ],
  },
  // langchain-ai/langsmith-sdk@0.11.1 _internal/otel/_otel_exporter.py: a prompt says chat, a retriever embeddings; details are a
  // text of Python.
  'LangSmith: its own kind says what a span is': {
    scope: 'langsmith',
    root: span(
      'shop',
      {
        'langsmith.span.kind': 'chain',
        'gen_ai.operation.name': 'chain',
        'langsmith.metadata.user_id': 'ann',
        'langsmith.metadata.thread_id': 'thread-7',
        'langsmith.trace.session_id': 'project',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
      },
      span('ChatPromptTemplate', {
        'langsmith.span.kind': 'prompt',
        'gen_ai.operation.name': 'chat',
      }),
      span('Retriever', {
        'langsmith.span.kind': 'retriever',
        'gen_ai.operation.name': 'embeddings',
      }),
      span('ChatOpenAI', {
        'langsmith.span.kind': 'llm',
        'gen_ai.operation.name': 'chat',
        'gen_ai.system': 'openai',
        'gen_ai.request.model': 'gpt-5',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.total_tokens': 130,
        'gen_ai.usage.input_token_details': "{'audio': 0, 'cache_read': 64}",
        'gen_ai.usage.output_token_details': "{'audio': 0, 'reasoning': 12}",
      }),
      span('search', { 'langsmith.span.kind': 'tool', 'gen_ai.operation.name': 'execute_tool' }),
    ),
    steps: [
      ['model', 'gpt-5', [36, 18, 64, null, 12]],
      ['tool', 'search'],
    ],
    run: { workflowName: 'shop', userId: 'ann', sessionId: 'thread-7' },
  },
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
  // openlit/openlit@1.45.0 sdk/python instrumentation/anthropic/utils.py and google_ai_studio/utils.py: as the API has it.
  'OpenLIT for Python: the cache of Claude and the thoughts of Gemini are apart': {
    scope: 'openlit.otel.tracing',
    root: span(
      'plan',
      { 'gen_ai.operation.name': 'invoke_workflow' },
      span('chat claude-sonnet-4-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-4-5',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'gen_ai.usage.cache_creation.input_tokens': 8,
      }),
      span('chat gemini-2.5-pro', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.request.model': 'gemini-2.5-pro',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'gen_ai.usage.reasoning_tokens': 12,
      }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5', [100, 30, 64, 8, null]],
      ['model', 'gemini-2.5-pro', [36, 30, 64, null, 12]],
    ],
  },
  // pydantic/logfire@4.9.0 integrations/llm_providers/openai.py and llm_provider.py: a streamed call has its usage in a log below it.
  'Logfire: the log of a stream is the same call': {
    scope: 'logfire.openai',
    root: span(
      "Chat Completion with 'gpt-4o'",
      {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
      },
      span("streaming response from 'gpt-4o' took 1.00s", {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.response.model': 'gpt-4o-2024-08-06',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
      }),
    ),
    steps: [['model', 'gpt-4o-2024-08-06', [100, 30, null, null, null]]],
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
      'gen_ai.usage.total_tokens': 130,
    }),
    steps: [['model', 'gpt-5', [36, 18, 64, null, 12]]],
  },
})
