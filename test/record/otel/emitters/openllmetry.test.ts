// Spans as the source of traceloop/openllmetry@0.62.1 writes them, and openllmetry-js. The numbers are made up.
import { span, testEmitters } from './support.ts'

testEmitters({
  // packages/opentelemetry-instrumentation-anthropic/…/anthropic/__init__.py, _aset_token_usage: the cache is added to the input.
  'Anthropic: input has the cache': {
    scope: 'opentelemetry.instrumentation.anthropic',
    root: span('anthropic.chat', {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'claude-sonnet-4-5',
      'gen_ai.response.model': 'claude-sonnet-4-5-20250929',
      'gen_ai.usage.input_tokens': 1100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.total_tokens': 1120,
      'gen_ai.usage.cache_read.input_tokens': 700,
      'gen_ai.usage.cache_creation.input_tokens': 300,
    }),
    steps: [['model', 'claude-sonnet-4-5-20250929', [100, 20, 700, 300, null]]],
  },
  // traceloop/openllmetry-js@3867c361 packages/instrumentation-anthropic/src/instrumentation.ts, after 0.27.0.
  'Anthropic for JavaScript from 0.28: input has the cache': {
    scope: '@traceloop/instrumentation-anthropic@0.28.0',
    root: span('chat claude-sonnet-4-5', {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'claude-sonnet-4-5',
      'gen_ai.usage.input_tokens': 1100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.total_tokens': 1120,
      'gen_ai.usage.cache_read.input_tokens': 700,
      'gen_ai.usage.cache_creation.input_tokens': 300,
    }),
    steps: [['model', 'claude-sonnet-4-5', [100, 20, 700, 300, null]]],
  },
  // …-bedrock/…/span_utils.py, converse_usage_record: inputTokens of Bedrock as it is, and a total without the cache.
  'Bedrock: input is without the cache': {
    scope: 'opentelemetry.instrumentation.bedrock',
    root: span('bedrock.converse', {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'aws.bedrock',
      'gen_ai.request.model': 'amazon.nova-pro-v1:0',
      'gen_ai.usage.input_tokens': 1100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.total_tokens': 1120,
      'gen_ai.usage.cache_read_input_tokens': 700,
      'gen_ai.usage.cache_creation_input_tokens': 0,
    }),
    steps: [['model', 'amazon.nova-pro-v1:0', [1100, 20, 700, 0, null]]],
  },
  // …-google-generativeai/…/span_utils.py, set_model_response_attributes: only the total has the thoughts.
  'Gemini: thoughts are only in the total': {
    scope: 'opentelemetry.instrumentation.google_generativeai',
    root: span('gemini.generate_content', {
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.provider.name': 'gcp.gen_ai',
      'gen_ai.request.model': 'gemini-2.5-pro',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.total_tokens': 170,
      'gen_ai.usage.cache_read.input_tokens': 40,
    }),
    steps: [['model', 'gemini-2.5-pro', [60, 20, 40, null, 50]]],
  },
  // …-cohere/…/__init__.py and span_utils.py: llm.request.type without gen_ai.operation.name.
  'Cohere: the request type says that it is a call': {
    scope: 'opentelemetry.instrumentation.cohere',
    root: span(
      'rag.workflow',
      { 'traceloop.span.kind': 'workflow', 'traceloop.workflow.name': 'rag' },
      span('cohere.rerank', {
        'llm.request.type': 'rerank',
        'gen_ai.system': 'Cohere',
        'gen_ai.request.model': 'rerank-v3.5',
      }),
      span('cohere.chat', {
        'llm.request.type': 'chat',
        'gen_ai.system': 'Cohere',
        'gen_ai.request.model': 'command-r',
        'gen_ai.usage.prompt_tokens': 30,
        'gen_ai.usage.completion_tokens': 7,
        'llm.usage.total_tokens': 37,
      }),
    ),
    steps: [
      ['model', 'rerank-v3.5', null],
      ['model', 'command-r', [30, 7, null, null, null]],
    ],
    run: { workflowName: 'rag' },
  },
  // …-voyageai/…/span_utils.py: a rerank call has tokens.
  'Voyage: a rerank call is a call': {
    scope: 'opentelemetry.instrumentation.voyageai',
    root: span('voyageai.rerank', {
      'gen_ai.operation.name': 'rerank',
      'gen_ai.request.model': 'rerank-2.5',
      'gen_ai.usage.input_tokens': 300,
    }),
    steps: [['model', 'rerank-2.5', [300, null, null, null, null]]],
  },
  // …-crewai/…/instrumentation.py: crew, task and agent say invoke_agent; the agent repeats its calls; the client is below the call.
  'CrewAI: a task is no agent, and the call of its client is the same call': {
    scope: 'opentelemetry.instrumentation.crewai',
    root: span(
      'crewai.workflow',
      { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.provider.name': 'crewai' },
      span(
        'Find a present.task',
        { 'gen_ai.operation.name': 'invoke_agent', 'traceloop.span.kind': 'task' },
        span(
          'Shopper.agent',
          {
            'gen_ai.operation.name': 'invoke_agent',
            'traceloop.span.kind': 'agent',
            'gen_ai.agent.name': 'Shopper',
            'gen_ai.request.model': 'gpt-4o',
            'gen_ai.usage.input_tokens': 90,
            'gen_ai.usage.output_tokens': 9,
          },
          span(
            'gpt-4o.llm',
            { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' },
            {
              ...span('openai.chat', {
                'gen_ai.operation.name': 'chat',
                'gen_ai.request.model': 'gpt-4o',
                'gen_ai.response.model': 'gpt-4o-2024-08-06',
                'gen_ai.usage.input_tokens': 90,
                'gen_ai.usage.output_tokens': 9,
              }),
              scope: 'opentelemetry.instrumentation.openai.v1',
            },
          ),
        ),
      ),
    ),
    steps: [
      ['agent', 'Shopper'],
      ['model', 'gpt-4o-2024-08-06', [90, 9, null, null, null]],
    ],
  },
  // …-llamaindex/…/custom_llm_instrumentor.py: a call is a task, too.
  'LlamaIndex: a call that is a task is a call': {
    scope: 'opentelemetry.instrumentation.llamaindex',
    root: span('Ollama.chat', {
      'traceloop.span.kind': 'task',
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'llama3',
      'gen_ai.usage.input_tokens': 8,
      'gen_ai.usage.output_tokens': 4,
    }),
    steps: [['model', 'llama3', [8, 4, null, null, null]]],
  },
  // …-openai-agents/…/_realtime_wrappers.py: the call is named realtime.
  'OpenAI Agents: a realtime answer is a call': {
    scope: 'opentelemetry.instrumentation.openai_agents',
    root: span(
      'Agent Workflow',
      { 'traceloop.span.kind': 'workflow' },
      span('openai.realtime', {
        'gen_ai.operation.name': 'realtime',
        'gen_ai.request.model': 'gpt-realtime',
        'gen_ai.usage.input_tokens': 50,
        'gen_ai.usage.output_tokens': 12,
        'gen_ai.usage.total_tokens': 62,
      }),
    ),
    steps: [['model', 'gpt-realtime', [50, 12, null, null, null]]],
  },
})
