// Spans as the source of Arize-ai/openinference (python/instrumentation, August 2026) writes them. The numbers are made up.
import { span, testEmitters } from './support.ts'

testEmitters({
  // …-anthropic@1.1.2 _utils.py: the cache is added to the prompt.
  'Anthropic: prompt has the cache': {
    scope: 'openinference.instrumentation.anthropic',
    root: span('Messages', {
      'openinference.span.kind': 'LLM',
      'llm.provider': 'anthropic',
      'llm.model_name': 'claude-sonnet-4-5-20250929',
      'llm.token_count.prompt': 1100,
      'llm.token_count.completion': 20,
      'llm.token_count.total': 1120,
      'llm.token_count.prompt_details.cache_read': 700,
      'llm.token_count.prompt_details.cache_write': 300,
    }),
    steps: [['model', 'claude-sonnet-4-5-20250929', [100, 20, 700, 300, null]]],
  },
  // …-bedrock@0.1.45 _converse_attributes.py: as Bedrock has it; its total has the cache.
  'Bedrock: the total proves that the cache is apart': {
    scope: 'openinference.instrumentation.bedrock',
    root: span('bedrock.converse', {
      'openinference.span.kind': 'LLM',
      'llm.model_name': 'anthropic.claude-sonnet-4-20250514-v1:0',
      'llm.token_count.prompt': 1100,
      'llm.token_count.completion': 20,
      'llm.token_count.total': 1820,
      'llm.token_count.prompt_details.cache_read': 700,
    }),
    steps: [['model', 'anthropic.claude-sonnet-4-20250514-v1:0', [1100, 20, 700, null, null]]],
  },
  // …-bedrock@0.1.45 utils/anthropic/_attributes.py: the cache is added, and there is no total.
  'Bedrock, API of Anthropic: prompt has the cache': {
    scope: 'openinference.instrumentation.bedrock',
    root: span('bedrock.invoke_model', {
      'openinference.span.kind': 'LLM',
      'llm.model_name': 'anthropic.claude-sonnet-4-20250514-v1:0',
      'llm.token_count.prompt': 1100,
      'llm.token_count.completion': 20,
      'llm.token_count.prompt_details.cache_read': 700,
    }),
    steps: [['model', 'anthropic.claude-sonnet-4-20250514-v1:0', [400, 20, 700, null, null]]],
  },
  // …-google-genai@1.4.1 _utils.py: completion has the thoughts.
  'Gemini: completion has the thoughts': {
    scope: 'openinference.instrumentation.google_genai',
    root: span('GenerateContent', {
      'openinference.span.kind': 'LLM',
      'llm.provider': 'google',
      'llm.model_name': 'gemini-2.5-pro',
      'llm.token_count.prompt': 100,
      'llm.token_count.completion': 70,
      'llm.token_count.total': 170,
      'llm.token_count.completion_details.reasoning': 50,
    }),
    steps: [['model', 'gemini-2.5-pro', [100, 20, null, null, 50]]],
  },
  // …-agno@1.0.3 _model_wrapper.py: the metrics of Agno, whose input is that of the API.
  'Agno: the cache of Claude is apart': {
    scope: 'openinference.instrumentation.agno',
    root: span(
      'Shopper.run',
      { 'openinference.span.kind': 'AGENT', 'agent.name': 'Shopper' },
      span('Claude.invoke', {
        'openinference.span.kind': 'LLM',
        'llm.provider': 'Anthropic',
        'llm.model_name': 'claude-sonnet-4-5',
        'llm.token_count.prompt': 1100,
        'llm.token_count.completion': 20,
        'llm.token_count.prompt_details.cache_read': 700,
      }),
      span('search', { 'openinference.span.kind': 'TOOL', 'tool.name': 'search' }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5', [1100, 20, 700, null, null]],
      ['tool', 'search'],
    ],
    run: { workflowName: 'Shopper' },
  },
  // …-llama-index@4: retrievers, rerankers and guardrails are no calls with tokens; an embedding is.
  'LlamaIndex: a retriever, a reranker and a guardrail are containers': {
    scope: 'openinference.instrumentation.llama_index',
    root: span(
      'RetrieverQueryEngine.query',
      { 'openinference.span.kind': 'CHAIN', 'user.id': 'ann' },
      span(
        'VectorIndexRetriever.retrieve',
        { 'openinference.span.kind': 'RETRIEVER' },
        span('OpenAIEmbedding.get_query_embedding', {
          'openinference.span.kind': 'EMBEDDING',
          'embedding.model_name': 'text-embedding-3-small',
          'llm.token_count.prompt': 6,
        }),
      ),
      span(
        'LLMRerank.postprocess_nodes',
        { 'openinference.span.kind': 'RERANKER', 'reranker.model_name': 'gpt-4o' },
        span('OpenAI.chat', {
          'openinference.span.kind': 'LLM',
          'llm.model_name': 'gpt-4o',
          'llm.token_count.prompt': 40,
          'llm.token_count.completion': 5,
          'llm.token_count.total': 45,
        }),
      ),
      span('Guard', { 'openinference.span.kind': 'GUARDRAIL' }),
    ),
    steps: [
      ['model', 'text-embedding-3-small', [6, null, null, null, null]],
      ['model', 'gpt-4o', [40, 5, null, null, null]],
    ],
    run: { workflowName: 'RetrieverQueryEngine.query', userId: 'ann' },
  },
  // langgenius/dify api/core/ops/aliyun_trace/entities/semconv.py.
  'Dify: gen_ai.span.kind': {
    scope: 'dify',
    root: span(
      'workflow',
      { 'gen_ai.span.kind': 'CHAIN', 'gen_ai.usage.total_tokens': '130', 'gen_ai.user.id': 'ann' },
      span('llm', {
        'gen_ai.span.kind': 'LLM',
        'gen_ai.model_name': 'qwen-max',
        'gen_ai.usage.input_tokens': '100',
        'gen_ai.usage.output_tokens': '30',
        'gen_ai.usage.total_tokens': '130',
      }),
      span('tool', { 'gen_ai.span.kind': 'TOOL', 'tool.name': 'weather' }),
    ),
    steps: [
      ['model', 'qwen-max', [100, 30, null, null, null]],
      ['tool', 'weather'],
    ],
    run: { userId: 'ann' },
  },
})
