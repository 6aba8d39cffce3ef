// Spans as the source of observability products writes them. The numbers are made up.
import { span, testEmitters } from './support.ts'

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
  // openlit/openlit@1.45.0 sdk/python instrumentation/claude_agent_sdk/utils.py: the cache is added; litellm/utils.py: a gateway adds it.
  'OpenLIT for the Claude Agent SDK and for LiteLLM: input has the cache': {
    scope: 'openlit.otel.tracing',
    root: span(
      'invoke_agent claude',
      { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.usage.input_tokens': 172 },
      span('chat claude-sonnet-4-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-4-5',
        'gen_ai.usage.input_tokens': 172,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'gen_ai.usage.cache_creation.input_tokens': 8,
      }),
      span('chat claude-sonnet-4-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'litellm',
        'gen_ai.request.model': 'claude-sonnet-4-5',
        'gen_ai.usage.input_tokens': 172,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
      }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5', [100, 30, 64, 8, null]],
      ['model', 'claude-sonnet-4-5', [108, 30, 64, null, null]],
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
})
