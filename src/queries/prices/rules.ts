import type { MatchLogic, Provider } from '@pydantic/genai-prices'

/** How a rule compares its pattern with a name in lower case. */
export type RuleKind = 'equals' | 'starts_with' | 'ends_with' | 'contains' | 'regex'

/** A row of wfstore_model_rules. Of the rules of a subject, the first by position applies. */
export interface ModelRule {
  subject: 'model' | 'provider' | 'provider_of_model'
  provider: string
  /** The provider with the price of the model; null for the same one. */
  targetProvider: string | null
  model: string | null
  position: number
  kind: RuleKind
  pattern: string
}

type Pattern = Pick<ModelRule, 'kind' | 'pattern'>

/**
 * The rules by which genai-prices finds a provider and a model. Each alternative of a match is a rule. The fallback providers of a
 * provider follow its own models.
 */
export function rulesOf(providers: readonly Provider[]): ModelRule[] {
  const names = providers.flatMap(({ id }) => rulesFor('provider', id, [equalTo(id)]))
  const others = providers.flatMap(({ id, provider_match: match }) =>
    match ? rulesFor('provider', id, patternsOf(match)) : [],
  )
  const owners = providers.flatMap(({ id, model_match: match }) =>
    match ? rulesFor('provider_of_model', id, patternsOf(match)) : [],
  )
  const models = providers.map((provider) => modelRules(provider, providers))
  return [numbered([...names, ...others]), numbered(owners), ...models.map(numbered)].flat()
}

type Unnumbered = Omit<ModelRule, 'position'>

const rulesFor = (
  subject: ModelRule['subject'],
  provider: string,
  patterns: readonly Pattern[],
): Unnumbered[] =>
  patterns.map((pattern) => ({ subject, provider, targetProvider: null, model: null, ...pattern }))

const numbered = (rules: readonly Unnumbered[]): ModelRule[] =>
  rules.map((rule, position) => ({ ...rule, position }))

function modelRules(provider: Provider, providers: readonly Provider[]): Unnumbered[] {
  const others = (provider.fallback_model_providers ?? []).flatMap(
    (id) => providers.find((other) => other.id === id) ?? [],
  )
  return [provider, ...others].flatMap((target) =>
    target.models.flatMap(({ id: model, match }) =>
      patternsOf(match).map(
        (pattern): Unnumbered => ({
          subject: 'model',
          provider: provider.id,
          targetProvider: target === provider ? null : target.id,
          model,
          ...pattern,
        }),
      ),
    ),
  )
}

/** A match as alternatives. PostgreSQL has no rule for several conditions, but one pattern can have several lookaheads. */
function patternsOf(match: MatchLogic): Pattern[] {
  if ('or' in match) return match.or.flatMap(patternsOf)
  if ('and' in match) return [{ kind: 'regex', pattern: `^${lookahead(match)}` }]
  if ('regex' in match) return [{ kind: 'regex', pattern: match.regex }]
  const [[kind, text]] = Object.entries(match) as [[RuleKind, string]]
  return [{ kind, pattern: text.toLowerCase() }]
}

const equalTo = (text: string): Pattern => ({ kind: 'equals', pattern: text.toLowerCase() })

/** A part of a pattern that begins with ^: it compares and takes no characters. */
function lookahead(match: MatchLogic): string {
  if ('or' in match) return `(?:${match.or.map(lookahead).join('|')})`
  if ('and' in match) return match.and.map(lookahead).join('')
  if ('regex' in match) return `(?=.*(?:${match.regex}))`
  if ('equals' in match) return `(?=${escaped(match.equals)}$)`
  if ('starts_with' in match) return `(?=${escaped(match.starts_with)})`
  if ('ends_with' in match) return `(?=.*${escaped(match.ends_with)}$)`
  return `(?=.*${escaped(match.contains)})`
}

/** A text in lower case as a part of a pattern, of JavaScript and of PostgreSQL. */
const escaped = (text: string): string => text.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
