import { formatDuration, plural } from '../../../numbers.ts'
import type { DoctorFinding } from '../../../queries/doctor/doctor.ts'
import { html, type Markup, readable } from '../../markup/markup.ts'
import { count } from '../../markup/numbers.ts'
import { table, texts } from '../../markup/table.ts'
import type { Site } from '../../site.ts'
import { status } from '../cells.ts'
import { sentence } from '../problem.ts'

/** The findings by their severity, and what they say of the server and the schema. */

interface Group {
  title: string
  has: (finding: DoctorFinding) => boolean
}

/** `examine` says so of a check that failed itself: a missing right, a lock, a time limit. */
const isUnchecked = ({ finding }: DoctorFinding) =>
  finding.startsWith('could not be checked') || finding.includes('; not checked: ')

const GROUPS: readonly Group[] = [
  { title: 'Failed', has: (one) => one.state === 'failed' && !isUnchecked(one) },
  { title: 'Warnings', has: (one) => one.state === 'warning' && !isUnchecked(one) },
  { title: 'Not checked', has: isUnchecked },
  { title: 'Passed', has: (one) => one.state === 'ok' && !isUnchecked(one) },
]

export function findingsOf(site: Site, findings: readonly DoctorFinding[]): Markup {
  const [failed = [], warned = [], unchecked = []] = GROUPS.map(({ has }) => findings.filter(has))
  const parts = [
    failed.length > 0 && `${plural(failed.length, 'check')} failed`,
    warned.length > 0 && plural(warned.length, 'warning'),
    unchecked.length > 0 && `${plural(unchecked.length, 'check')} could not run`,
  ].filter((part) => part !== false)
  const verdict =
    parts.length === 0
      ? html`<p class="good-line">All ${count(findings.length)} checks passed.</p>`
      : html`<p class="notice${failed.length > 0 && ' bad'}">${sentence(parts.join(', '))}</p>`
  return html`${verdict}
${GROUPS.map((group) => section(group, findings))}
<section><h2>Server and schema</h2><dl class="facts">${factsOf(site, findings).map(([head, value]) => html`<dt>${head}</dt><dd>${value}</dd>`)}</dl></section>`
}

function section({ title, has }: Group, findings: readonly DoctorFinding[]): Markup | false {
  const own = findings.filter(has)
  if (own.length === 0) return false
  const states = new Set(own.map(({ state }) => state)).size
  const hasFix = own.some(({ fix }) => fix !== null)
  return html`<section><h2>${title}</h2>${table({
    caption: `${title}: ${plural(own.length, 'check')}`,
    file: `health-${title.toLowerCase().replace(' ', '-')}`,
    columns: [
      texts('Check', 'check', ({ check }: DoctorFinding) => check, { kind: 'name' }),
      ...(states > 1
        ? [
            texts('State', 'state', ({ state }: DoctorFinding) => state, {
              shown: ({ state }) => status(state),
            }),
          ]
        : []),
      texts('Finding', 'finding', ({ finding }: DoctorFinding) => finding, {
        shown: ({ finding }) => html`<div class="finding">${shownWhole(finding)}</div>`,
      }),
      ...(hasFix
        ? [
            texts('Fix', 'fix', ({ fix }: DoctorFinding) => fix ?? '', {
              shown: ({ fix }) =>
                fix === null ? '' : html`<code class="fix">${shownWhole(fix)}</code>`,
            }),
          ]
        : []),
    ],
    rows: own,
    reflow: true,
  })}</section>`
}

/** Nothing of a command to copy may be cut. */
const shownWhole = (text: string): string =>
  (text.match(/.{1,100}/gsu) ?? []).map(readable).join('')

type Fact = [head: string, value: string]

/** What the findings say as data; a check that could not run says nothing. */
function factsOf({ version }: Site, findings: readonly DoctorFinding[]): Fact[] {
  const detailsOf = (check: string): Record<string, unknown> => {
    const details = findings.find((one) => one.check === check)?.details ?? null
    return details === null ? {} : (JSON.parse(details) as Record<string, unknown>)
  }
  const [server, schema, rights, connections, encryption] = [
    'server',
    'schema',
    'rights',
    'connections',
    'encryption',
  ].map(detailsOf) as [Details, Details, Details, Details, Details]
  const migrations = (schema.migrations ?? []) as { name: string; state: string }[]
  const facts: [string, string | undefined][] = [
    ['wfstore', version],
    ['PostgreSQL', text(server.version)],
    ['Answers in', ms(server.latencyMs)],
    ['Up', ms(server.uptimeMs)],
    [
      'Kind',
      server.standby === true ? 'standby' : server.standby === false ? 'primary' : undefined,
    ],
    ['Encoding', text(server.encoding)],
    [
      'Encryption',
      encryption.encrypted === true
        ? text(encryption.protocol)
        : encryption.encrypted === false
          ? 'none'
          : undefined,
    ],
    [
      'Connections',
      connections.used === undefined ? undefined : `${connections.used} of ${connections.usable}`,
    ],
    ['Role', text(rights.role)],
    ['Schema', text(schema.schema)],
    ['Newest migration', migrations.filter(({ state }) => state !== 'pending').at(-1)?.name],
  ]
  return facts.flatMap(([head, value]): Fact[] =>
    value === undefined ? [] : [[head, readable(value)]],
  )
}

type Details = Record<string, unknown>
const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
const ms = (value: unknown) => (typeof value === 'number' ? formatDuration(value) : undefined)
