import type { MatchLogic, Provider } from '@pydantic/genai-prices'
import type { Price } from '../../../src/index.ts'
import type { ModelRule } from '../../../src/queries/prices/rules.ts'
import type { TestDatabase } from '../../support/database.ts'

/** A date that the SQL of a price writes with dashes. */
const DATE = /-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g

/** Removes also the prices of the past, which the price list keeps. */
export const removePrices = (database: TestDatabase) =>
  database.sql(`begin; alter table wfstore_prices disable trigger user; delete from wfstore_prices;
    alter table wfstore_prices enable trigger user; delete from wfstore_model_rules; commit`)

export const short = (price: Price) => [
  ...[price.provider, price.model, price.contextOver, price.source, price.from.slice(0, 10)],
  ...[price.input, price.output, price.cacheRead],
]

/** Finds names by the rules, as the SQL of a price does. */
export function resolver(rules: readonly ModelRule[]) {
  const applies = ({ kind, pattern }: ModelRule, name: string): boolean => {
    if (kind === 'equals') return name === pattern
    if (kind === 'starts_with') return name.startsWith(pattern)
    if (kind === 'ends_with') return name.endsWith(pattern)
    return kind === 'contains' ? name.includes(pattern) : new RegExp(pattern).test(name)
  }
  const bySubject = new Map<string, ModelRule[]>()
  for (const rule of rules) {
    const key = rule.subject === 'model' ? `model ${rule.provider}` : rule.subject
    bySubject.set(key, [...(bySubject.get(key) ?? []), rule])
  }
  const first = (key: string, name: string) =>
    (bySubject.get(key) ?? [])
      .sort((a, b) => a.position - b.position)
      .find((rule) => applies(rule, name))
  return (given: string, givenProvider?: string) => {
    const name = given.toLowerCase().trim()
    const owner =
      givenProvider === undefined
        ? first('provider_of_model', name)
        : first('provider', givenProvider.toLowerCase().trim())
    const dated = name.replace(DATE, '-$1-$2-$3')
    const key = `model ${owner?.provider}`
    const rule = first(key, name) ?? first(key, dated)
    return (
      owner && rule && { provider: owner.provider, target: rule.targetProvider, model: rule.model }
    )
  }
}

/** Names that engines may report, with and without a provider: those of the list, and variants of them. */
export function namesOf(providers: readonly Provider[]): [name: string, provider?: string][] {
  const found: [string, string?][] = []
  for (const { id, models, fallback_model_providers: others = [] } of providers) {
    for (const { id: model, match } of models) {
      for (const text of new Set([model, ...textsOf(match)])) {
        found.push(
          [text],
          [text, id],
          [text.toUpperCase(), id.toUpperCase()],
          [`${text}-2026-01-31`],
        )
        found.push([`${text}-20260131`, id], [` ${text}-x`, id], [`${text}:free`, id])
        // A date with dashes and without.
        found.push([text.replace(/(20\d\d)-(\d\d)-(\d\d)/, '$1$2$3'), id])
        found.push([text.replace(/(20\d\d)(\d\d)(\d\d)/, '$1-$2-$3')])
        for (const other of providers)
          if (other.fallback_model_providers?.includes(id)) found.push([text, other.id])
      }
    }
    for (const other of others) found.push(['gpt-4o', `${id}-${other}`])
    found.push(
      ['gpt-4o', `my ${id}`],
      ['claude-sonnet-4-5', `${id}/eu`],
      ['gpt-4o', `https://${id}.com`],
    )
  }
  return [
    ...found,
    ['unknown'],
    ['gpt-4o', 'unknown'],
    ['', 'openai'],
    ['ft:gpt-4o-20240806:org:x', 'openai'],
  ]
}

function textsOf(match: MatchLogic): string[] {
  if ('or' in match) return match.or.flatMap(textsOf)
  if ('and' in match) return match.and.flatMap(textsOf)
  if (!('regex' in match)) return Object.values(match) as string[]
  return [
    match.regex
      .replace(/^\^|\$$/g, '')
      .replace(/\\d\{(\d)\}/g, (_, count: string) => '20260131'.slice(0, Number(count)))
      .replaceAll('\\d', '7')
      .replaceAll('\\.', '.'),
  ]
}
