// Spans as the conventions of OpenTelemetry have them, and emitters that follow them. The numbers are made up.
import { inScope, span, testEmitters } from './support.ts'

testEmitters({
  // open-telemetry/semantic-conventions@1.27.0 docs/gen-ai/gen-ai-spans.md.
  'Version 1.27: gen_ai.system, prompt and completion': {
    scope: 'app',
    root: span('chat gpt-4o', {
      'gen_ai.operation.name': 'chat',
      'gen_ai.system': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.prompt_tokens': 100,
      'gen_ai.usage.completion_tokens': 30,
    }),
    steps: [['model', 'gpt-4o-2024-08-06', [100, 30, null, null, null]]],
  },
  // open-telemetry/semantic-conventions@1.44.0 docs/gen-ai/gen-ai-agent-spans.md, gen-ai-spans.md, mcp.md.
  'Version 1.44: a workflow, its agents, a retrieval, and a tool of an MCP server that calls a model':
    {
      scope: 'app',
      root: span(
        'invoke_workflow shop',
        { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': 'shop' },
        span('create_agent buyer', { 'gen_ai.operation.name': 'create_agent' }),
        span(
          'invoke_agent buyer',
          {
            'gen_ai.operation.name': 'invoke_agent',
            'gen_ai.agent.name': 'buyer',
            'gen_ai.usage.input_tokens': 100,
            'gen_ai.usage.output_tokens': 30,
          },
          span('retrieval docs', { 'gen_ai.operation.name': 'retrieval' }),
          span('chat gpt-5', {
            'gen_ai.operation.name': 'chat',
            'gen_ai.provider.name': 'openai',
            'gen_ai.request.model': 'gpt-5',
            'gen_ai.usage.input_tokens': 100,
            'gen_ai.usage.output_tokens': 30,
            'gen_ai.usage.cache_read.input_tokens': 64,
            'gen_ai.usage.cache_creation.input_tokens': 0,
            'gen_ai.usage.reasoning.output_tokens': 12,
          }),
          span('tools/list', { 'mcp.method.name': 'tools/list' }),
          span(
            'tools/call weather',
            { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'weather' },
            inScope(
              'server',
              span(
                'tools/call weather',
                { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'weather' },
                span('chat gpt-5-mini', {
                  'gen_ai.operation.name': 'chat',
                  'gen_ai.request.model': 'gpt-5-mini',
                  'gen_ai.usage.input_tokens': 8,
                  'gen_ai.usage.output_tokens': 2,
                }),
              ),
            ),
          ),
        ),
      ),
      steps: [
        ['model', 'gpt-5', [36, 18, 64, 0, 12]],
        ['tool', 'weather'],
        ['model', 'gpt-5-mini', [8, 2, null, null, null]],
      ],
      run: { workflowName: 'shop' },
    },
  // open-telemetry/opentelemetry-python-contrib@466ae4c openai_agents/span_processor.py: the root says invoke_agent, too.
  'OpenAI Agents: handoffs and guardrails are no calls': {
    scope: 'opentelemetry.instrumentation.openai_agents',
    root: span(
      'workflow',
      { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.provider.name': 'openai' },
      span(
        'invoke_agent triage',
        { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'triage' },
        span('guardrail_check policy', { 'gen_ai.operation.name': 'guardrail_check' }),
        span('chat gpt-5', {
          'gen_ai.operation.name': 'chat',
          'gen_ai.system': 'openai',
          'gen_ai.request.model': 'gpt-5',
          'gen_ai.response.id': 'resp_0123456789abcdef0123',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 30,
        }),
        span('agent_handoff', { 'gen_ai.operation.name': 'agent_handoff' }),
      ),
    ),
    steps: [
      ['agent', 'triage'],
      ['model', 'gpt-5', [100, 30, null, null, null]],
    ],
  },
  // dotnet/extensions Microsoft.Extensions.AI/OpenTelemetryConsts.cs; microsoft/semantic-kernel@b39d95a model_diagnostics/decorators.py.
  'Microsoft.Extensions.AI and Semantic Kernel': {
    scope: 'Experimental.Microsoft.Extensions.AI',
    root: span(
      'orchestrate_tools',
      {
        'gen_ai.operation.name': 'orchestrate_tools',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
      },
      span('chat gpt-5', {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-5',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'gen_ai.usage.reasoning.output_tokens': 12,
      }),
      inScope(
        'semantic_kernel.utils.telemetry.model_diagnostics.decorators',
        span('text_completions gpt-3.5', {
          'gen_ai.operation.name': 'text_completions',
          'gen_ai.system': 'openai',
          'gen_ai.request.model': 'gpt-3.5',
          'gen_ai.usage.input_tokens': 8,
          'gen_ai.usage.output_tokens': 2,
        }),
      ),
      span('execute_tool weather', {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'weather',
      }),
    ),
    steps: [
      ['model', 'gpt-5', [36, 18, 64, null, 12]],
      ['model', 'gpt-3.5', [8, 2, null, null, null]],
      ['tool', 'weather'],
    ],
  },
})
