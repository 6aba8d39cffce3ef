import { show } from '../text/escape.ts'

/** All samples with the same name. */
export interface Family {
  /** Letters, digits, `_` and `:`. */
  name: string
  /** A counter only increases; its name ends in _total. */
  type: 'counter' | 'gauge'
  help: string
  samples: readonly Sample[]
}

export interface Sample {
  /** Invalid characters in names are replaced. A label with an empty value is left out. */
  labels: Readonly<Record<string, string>>
  /** A decimal of any length, or NaN or Infinity as PostgreSQL writes them. */
  value: string | number | bigint
}

/**
 * The Prometheus text format, version 0.0.4, without timestamps: the textfile collector of node_exporter rejects them.
 * Families without samples are left out. Of samples with the same labels only the first is kept, because a scraper rejects
 * duplicates.
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

/** Prometheus reserves names that begin with two underscores. */
function labelName(name: string): string {
  const letters = name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^__+/, '_')
  return /^[a-zA-Z_]/.test(letters) ? letters : `_${letters}`
}

/** Makes terminal control characters visible. The format has its own escape for line feeds. */
const escapeLabel = (text: string): string =>
  show(text, ['\n']).replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')

const escapeHelp = (text: string): string =>
  show(text, ['\n']).replace(/\\/g, '\\\\').replace(/\n/g, '\\n')

const numberOf = (value: string | number | bigint): string =>
  String(value).replace(/^(-?)Infinity$/, (_, sign) => `${sign || '+'}Inf`)
