import { show } from '../text/escape.ts'

/** All samples of one name. */
export interface Family {
  /** Of letters, digits, `_` and `:`. */
  name: string
  /** A counter only grows; its name ends in _total. */
  type: 'counter' | 'gauge'
  help: string
  samples: readonly Sample[]
}

export interface Sample {
  /** Names may be anything, and are made fit; an empty value is as good as no label. */
  labels: Readonly<Record<string, string>>
  /** A decimal of any length, or what PostgreSQL calls NaN and Infinity. */
  value: string | number
}

/**
 * Prometheus' text format, version 0.0.4. Without timestamps, which node_exporter's textfile collector refuses. Families
 * without samples are left out; of two samples that come to the same labels only the first is kept, because a scraper
 * refuses everything where there are two.
 */
export function prometheusText(families: readonly Family[]): string {
  return families.flatMap(({ samples, ...family }) => linesOf(family, samples)).join('')
}

function linesOf({ name, type, help }: Omit<Family, 'samples'>, samples: readonly Sample[]) {
  const lines = new Map<string, string>()
  for (const { labels, value } of samples) {
    const series = name + labelsOf(labels)
    if (!lines.has(series)) lines.set(series, `${series} ${numberOf(value)}\n`)
  }
  if (lines.size === 0) return []
  return [`# HELP ${name} ${escapeHelp(help)}\n`, `# TYPE ${name} ${type}\n`, ...lines.values()]
}

function labelsOf(labels: Sample['labels']): string {
  const fit = new Map<string, string>()
  for (const [name, value] of Object.entries(labels)) {
    const known = labelName(name)
    if (value !== '' && !fit.has(known)) fit.set(known, value)
  }
  if (fit.size === 0) return ''
  const texts = [...fit].map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return `{${texts.sort().join(',')}}`
}

/** Names that begin with two underscores are Prometheus' own. */
function labelName(name: string): string {
  const letters = name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^__+/, '_')
  return /^[a-zA-Z_]/.test(letters) ? letters : `_${letters}`
}

/** What a terminal would obey is made visible; line feeds have an escape of the format's own. */
const escapeLabel = (text: string): string =>
  show(text, ['\n']).replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')

const escapeHelp = (text: string): string =>
  show(text, ['\n']).replace(/\\/g, '\\\\').replace(/\n/g, '\\n')

const numberOf = (value: string | number): string =>
  String(value).replace(/^(-?)Infinity$/, (_, sign) => `${sign || '+'}Inf`)
