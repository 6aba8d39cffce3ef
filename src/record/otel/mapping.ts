import type { Mapping } from './types.ts'

/** The attributes that name a run, a user, a session and a mode; the first that is there wins. */
export const DEFAULT_MAPPING: Mapping = {
  workflow: [
    'gen_ai.workflow.name',
    'traceloop.workflow.name',
    'langfuse.trace.name',
    'workflow.name',
    'gen_ai.agent.name',
    'ai.telemetry.functionId',
    'agent.name',
    'genkit:name',
    'traceloop.entity.name',
  ],
  user: [
    'user.id',
    'enduser.id',
    'traceloop.association.properties.user_id',
    'ai.telemetry.metadata.userId',
    'mastra.metadata.userId',
    'langfuse.user.id',
    'metadata.user_id',
    'langsmith.metadata.user_id',
    'metadata.user_api_key_end_user_id',
    'metadata.user_api_key_user_id',
    'gen_ai.user.id',
    'gen_ai.user',
    'llm.user',
  ],
  session: [
    'session.id',
    'gen_ai.conversation.id',
    'traceloop.association.properties.session_id',
    'ai.telemetry.metadata.sessionId',
    'mastra.metadata.sessionId',
    'langfuse.session.id',
    'metadata.session_id',
    'langsmith.metadata.session_id',
    'langsmith.metadata.thread_id',
    'gcp.vertex.agent.session_id',
    'gen_ai.session.id',
  ],
  mode: ['wfstore.mode', 'service.name'],
  tags: {},
  defaultUser: 'unknown',
  defaultMode: 'unknown',
  trustCost: false,
  content: undefined,
}

/** These name an agent or a part of a run. They name a run only on its root. */
const ONLY_ON_ROOT: ReadonlySet<string> = new Set([
  'gen_ai.agent.name',
  'ai.telemetry.functionId',
  'agent.name',
  'genkit:name',
  'traceloop.entity.name',
])

/** The attributes of any span that name the run, for a run without a root. */
export const namesOfAnySpan = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !ONLY_ON_ROOT.has(name))
