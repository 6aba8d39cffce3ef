// Spans as the source of agent frameworks writes them. The numbers are made up.
import { inScope, span, testEmitters } from './support.ts'

testEmitters({
  // google/adk-python@1 telemetry/tracing.py, trace_call_llm and trace_merged_tool_calls: a call has a model, but no operation.
  'Agent Development Kit: a call has no operation, and thoughts are apart': {
    scope: 'gcp.vertex.agent',
    root: span(
      'invocation',
      {},
      span(
        'invoke_agent shopper',
        {
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.agent.name': 'shopper',
          'gen_ai.conversation.id': 'session-7',
        },
        span(
          'call_llm',
          {
            'gen_ai.system': 'gcp.vertex.agent',
            'gen_ai.request.model': 'gemini-2.5-flash',
            'gen_ai.usage.input_tokens': 100,
            'gen_ai.usage.output_tokens': 50,
            'gen_ai.usage.experimental.reasoning_tokens': 10,
            'gen_ai.usage.experimental.reasoning_tokens_limit': 1024,
          },
          span('execute_tool search', {
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': 'search',
          }),
          span('execute_tool stock', {
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': 'stock',
          }),
          span('execute_tool (merged)', {
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': '(merged tools)',
          }),
        ),
      ),
    ),
    steps: [
      ['model', 'gemini-2.5-flash', [100, 50, null, null, 10]],
      ['tool', 'search'],
      ['tool', 'stock'],
    ],
    run: { sessionId: 'session-7' },
  },
  // The same with opentelemetry-python-contrib@0.65b0 google_genai/generate_content.py: output has the thoughts.
  'Agent Development Kit with the instrumentation of its client: one call': {
    scope: 'gcp.vertex.agent',
    root: span(
      'call_llm',
      {
        'gen_ai.system': 'gcp.vertex.agent',
        'gen_ai.request.model': 'gemini-2.5-flash',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 50,
      },
      inScope(
        'opentelemetry.instrumentation.google_genai',
        span('generate_content gemini-2.5-flash', {
          'gen_ai.operation.name': 'generate_content',
          'gen_ai.request.model': 'gemini-2.5-flash',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 60,
          'gen_ai.usage.cache_read.input_tokens': 30,
          'gen_ai.usage.reasoning.output_tokens': 10,
        }),
      ),
    ),
    steps: [['model', 'gemini-2.5-flash', [70, 50, 30, null, 10]]],
  },
  // pydantic/pydantic-ai@2.33.0 capabilities/instrumentation.py and usage.py: the agent has gen_ai.aggregated_usage.
  PydanticAI: {
    scope: 'pydantic-ai',
    root: span(
      'invoke_agent shopper',
      {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'shopper',
        model_name: 'gpt-5',
        'gen_ai.aggregated_usage.input_tokens': 100,
        'gen_ai.aggregated_usage.output_tokens': 30,
      },
      span('chat gpt-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-5',
        'gen_ai.response.model': 'gpt-5-2025-08-07',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'gen_ai.usage.details.cache_read_tokens': 64,
        'gen_ai.usage.details.reasoning_tokens': 12,
        'operation.cost': 0.01,
      }),
      span('execute_tool search', {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'search',
      }),
    ),
    steps: [
      ['model', 'gpt-5-2025-08-07', [36, 18, 64, null, 12]],
      ['tool', 'search'],
    ],
    run: { workflowName: 'shopper' },
  },
  // pydantic/pydantic-ai@0.4.0 models/instrumented.py and tools.py: agent and tool have no operation.
  'PydanticAI before 1: agent and tools have no operation': {
    scope: 'pydantic-ai',
    root: span(
      'agent run',
      {
        agent_name: 'shopper',
        model_name: 'gpt-4o',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
      },
      span('chat gpt-4o', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.system': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.details.cached_tokens': 64,
      }),
      span(
        'running 1 tool',
        { tools: ['search'] },
        span('running tool', { 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.id': 'call_1' }),
      ),
    ),
    steps: [
      ['model', 'gpt-4o', [36, 30, 64, null, null]],
      ['tool', 'search'],
    ],
  },
  // microsoft/agent-framework@1.13.0 core/observability.py, core/_mcp.py, anthropic/_chat_client.py: Claude's input as it is, and a
  // tool of MCP in the tool of the agent.
  'Microsoft Agent Framework: the cache of Claude is apart, and MCP is the same call of a tool': {
    scope: 'agent_framework',
    root: span(
      'workflow.run',
      { 'workflow.id': 'w1', 'workflow.name': 'Shop' },
      span(
        'invoke_agent shopper',
        {
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.provider.name': 'microsoft.agent_framework',
          'gen_ai.agent.name': 'shopper',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 30,
        },
        span('chat claude-sonnet-4-5', {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'google.vertex.ai',
          'gen_ai.request.model': 'claude-sonnet-4-5',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 30,
          'gen_ai.usage.cache_read.input_tokens': 64,
          'gen_ai.usage.cache_creation.input_tokens': 8,
        }),
        span(
          'execute_tool weather',
          { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'weather' },
          span('tools/call weather', {
            'mcp.method.name': 'tools/call',
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': 'weather',
          }),
        ),
      ),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5', [100, 30, 64, 8, null]],
      ['tool', 'weather'],
    ],
    run: { workflowName: 'Shop' },
  },
  // spring-projects/spring-ai@2.0.1 chat/observation, AnthropicChatModel.getDefaultUsage: attributes of Micrometer are texts.
  'Spring AI: the cache of Claude is apart, and counts are texts': {
    scope: 'org.springframework.boot',
    root: span(
      'spring_ai chat_client',
      {
        'gen_ai.operation.name': 'framework',
        'gen_ai.system': 'spring_ai',
        'spring.ai.kind': 'chat_client',
      },
      span('chat claude-sonnet-4-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-4-5',
        'gen_ai.response.model': 'claude-sonnet-4-5-20250929',
        'gen_ai.usage.input_tokens': '100',
        'gen_ai.usage.output_tokens': '30',
        'gen_ai.usage.total_tokens': '130',
        'gen_ai.usage.cache_read.input_tokens': '64',
        'gen_ai.usage.cache_creation.input_tokens': '0',
      }),
      // Spring AI 1: framework. Spring AI 2: execute_tool.
      span('tool_call weather', {
        'gen_ai.operation.name': 'framework',
        'gen_ai.system': 'spring_ai',
        'spring.ai.kind': 'tool_call',
        'spring.ai.tool.definition.name': 'weather',
      }),
      span('embedding text-embedding-3-small', {
        'gen_ai.operation.name': 'embedding',
        'gen_ai.system': 'openai',
        'gen_ai.request.model': 'text-embedding-3-small',
        'gen_ai.usage.input_tokens': '9',
        'gen_ai.usage.total_tokens': '9',
      }),
    ),
    steps: [
      ['model', 'claude-sonnet-4-5-20250929', [100, 30, 64, 0, null]],
      ['tool', 'weather'],
      ['model', 'text-embedding-3-small', [9, null, null, null, null]],
    ],
  },
  // strands-agents/sdk-python telemetry/tracer.py: the total of Bedrock has the cache, and the input has not.
  'Strands for Python on Bedrock: the total proves that the cache is apart': {
    scope: 'strands.telemetry.tracer',
    root: span(
      'invoke_agent Strands Agents',
      {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.provider.name': 'strands-agents',
        'gen_ai.agent.name': 'Strands Agents',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
      },
      span(
        'execute_event_loop_cycle',
        { 'gen_ai.operation.name': 'execute_event_loop_cycle' },
        span('chat', {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'strands-agents',
          'gen_ai.request.model': 'us.anthropic.claude-sonnet-4-20250514-v1:0',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 30,
          'gen_ai.usage.total_tokens': 194,
          'gen_ai.usage.cache_read_input_tokens': 64,
          'gen_ai.usage.cache_write_input_tokens': 0,
        }),
      ),
    ),
    steps: [['model', 'us.anthropic.claude-sonnet-4-20250514-v1:0', [100, 30, 64, 0, null]]],
    run: { workflowName: 'Strands Agents' },
  },
  // vercel/ai@4.3.19 generate-text.ts, anthropic-messages-language-model.ts: the cache is in the metadata, and not in the input.
  'AI SDK 4: the cache of Claude is in the metadata, apart': {
    scope: 'ai',
    root: span(
      'ai.generateText',
      { 'ai.operationId': 'ai.generateText', 'ai.usage.promptTokens': 100 },
      span('ai.generateText.doGenerate', {
        'ai.operationId': 'ai.generateText.doGenerate',
        'ai.model.provider': 'anthropic',
        'ai.model.id': 'claude-sonnet-4-5',
        'ai.usage.promptTokens': 100,
        'ai.usage.completionTokens': 30,
        'ai.response.providerMetadata': JSON.stringify({
          anthropic: { cacheCreationInputTokens: 8, cacheReadInputTokens: 64 },
        }),
      }),
    ),
    steps: [['model', 'claude-sonnet-4-5', [100, 30, 64, 8, null]]],
  },
  // vercel/ai@6.0.0 generate-text.ts: input has the cache; the metadata has the usage of the API.
  'AI SDK 6 without details: the answer of Claude proves that input has the cache': {
    scope: 'ai',
    root: span('ai.generateText.doGenerate', {
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.provider': 'anthropic.messages',
      'ai.model.id': 'claude-sonnet-4-5',
      'ai.usage.promptTokens': 172,
      'ai.usage.completionTokens': 30,
      'ai.response.providerMetadata': JSON.stringify({
        anthropic: {
          usage: { input_tokens: 100, cache_creation_input_tokens: 8, cache_read_input_tokens: 64 },
          cacheCreationInputTokens: 8,
        },
      }),
    }),
    steps: [['model', 'claude-sonnet-4-5', [100, 30, 64, 8, null]]],
  },
})
