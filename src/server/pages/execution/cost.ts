import { plural } from '../../../numbers.ts'
import type { ModelUse, ModelUses } from '../../../queries/executions/models.ts'
import type { ExecutionOutline } from '../../../queries/executions/outline.ts'
import { classWords, TOKEN_FIELDS } from '../../../tables/tokens.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { money } from '../../markup/numbers.ts'
import { amounts, type Cells, counts, table, texts } from '../../markup/table.ts'
import { UNKNOWN } from '../cells.ts'
import { href } from '../links.ts'
import type { PageView } from '../view.ts'

/** What the steps cost by model, with the source of the price. */
export function costSection(
  view: PageView,
  run: ExecutionOutline,
  { models, cost, rest }: ModelUses,
): Markup {
  const [ofSteps, unknown] = models.length === 0 ? ['0', run.totalCost] : [cost, rest]
  return html`<section id="cost"><h2>Cost by model</h2>
${models.length === 0 ? nothing('No step has called a model') : table({ caption: `${plural(models.length, 'model')}, US dollars`, file: `cost-${run.executionId}`, columns: modelColumns(models), rows: models, reflow: true })}
${models.length > 0 && html`<p class="note">The steps cost ${money(ofSteps)}${Number(unknown) === 0 && html`, which is the cost of the run`}.</p>`}
${Number(unknown) !== 0 && html`<p class="notice">The run costs ${money(run.totalCost)}: ${money(unknown)} of it is of no step, because another client has written the run.</p>`}
${unpricedNote(view, models)}
</section>`
}

/** Calls without a price are not free. */
function unpricedNote(view: PageView, models: readonly ModelUse[]): Markup | false {
  const without = models.filter(({ unpriced }) => unpriced > 0)
  const steps = without.reduce((sum, { unpriced }) => sum + unpriced, 0)
  if (steps === 0) return false
  const [have, their] = steps === 1 ? ['has', 'its'] : ['have', 'their']
  return html`<p class="notice">${plural(steps, 'step')} of ${plural(without.length, 'model')} ${have} no price, so ${their} cost is not in the total. <a href="${href(view, '/health')}">Health</a> and <code>wfstore prices check</code> say what is missing.</p>`
}

const modelColumns = (models: readonly ModelUse[]): Cells<ModelUse>[] => {
  const has = (use: (model: ModelUse) => boolean) => models.some(use)
  return [
    texts<ModelUse>('Model', 'modelId', (row) => row.modelId, { kind: 'name' }),
    ...(has(({ provider }) => provider !== null)
      ? [
          texts<ModelUse>('Provider', 'provider', (row) => row.provider ?? '', {
            shown: (row) => (row.provider === null ? UNKNOWN : name(row.provider)),
          }),
        ]
      : []),
    texts<ModelUse>('Price', 'priceSource', ({ sources }) => sources.join(', ')),
    counts<ModelUse>('Steps', 'steps', (row) => row.steps),
    ...(has(({ unpriced }) => unpriced > 0)
      ? [counts<ModelUse>('Without price', 'unpriced', (row) => row.unpriced)]
      : []),
    ...TOKEN_FIELDS.filter((field) => has((model) => model[field] !== null)).map((field) =>
      counts<ModelUse>(capital(classWords(field)), field, (row) => row[field]),
    ),
    counts<ModelUse>('Tokens', 'tokensUsed', (row) => row.tokensUsed),
    ...(has(({ priced }) => Number(priced) !== 0) && has(({ given }) => Number(given) !== 0)
      ? [
          amounts<ModelUse>('Priced', 'priced', (row) =>
            Number(row.priced) === 0 ? null : row.priced,
          ),
          amounts<ModelUse>('Given', 'given', (row) =>
            Number(row.given) === 0 ? null : row.given,
          ),
        ]
      : []),
    amounts<ModelUse>('Cost', 'cost', (row) =>
      row.unpriced === row.steps && Number(row.cost) === 0 ? null : row.cost,
    ),
  ]
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
