/**
 * Names of time zones that mean the same to Node and PostgreSQL: IANA names with a slash, UTC and GMT. A name without a slash is an
 * abbreviation to one of them: IST is Asia/Kolkata to Node and Israel's to PostgreSQL, and CET has no summer time in
 * PostgreSQL. An offset such as +02:00 is east for Node and west for PostgreSQL.
 */

/** Names that only Node has. */
const ONLY_NODE = /^(SystemV\/|Etc\/Unknown$|US\/Pacific-New$)/i

/** The zones that an abbreviation may mean. Node knows one of them, or none. */
const ABBREVIATIONS: Record<string, string> = {
  ...{ PST: 'America/Los_Angeles or Asia/Manila', PDT: 'America/Los_Angeles' },
  ...{ MST: 'America/Denver or America/Phoenix', MDT: 'America/Denver' },
  ...{ CST: 'America/Chicago, Asia/Shanghai or America/Havana', CDT: 'America/Chicago' },
  ...{ EST: 'America/New_York or America/Panama', EDT: 'America/New_York' },
  ...{ IST: 'Asia/Kolkata, Europe/Dublin or Asia/Jerusalem', BST: 'Europe/London or Asia/Dhaka' },
  ...{ AST: 'America/Halifax or Asia/Riyadh', SST: 'Pacific/Pago_Pago or Asia/Singapore' },
  ...{ CEST: 'Europe/Berlin', CET: 'Europe/Berlin', MET: 'Europe/Berlin', MSK: 'Europe/Moscow' },
  ...{ EEST: 'Europe/Athens', EET: 'Europe/Athens', WET: 'Europe/Lisbon', WEST: 'Europe/Lisbon' },
  ...{ AEST: 'Australia/Sydney', AEDT: 'Australia/Sydney', NZST: 'Pacific/Auckland' },
  ...{ HST: 'Pacific/Honolulu', JST: 'Asia/Tokyo', KST: 'Asia/Seoul', Z: 'UTC', ZULU: 'UTC' },
}

/** The time zone with this name, in its usual spelling; undefined if it does not mean the same to both. */
export function timeZoneOf(name: string): string | undefined {
  if (/^(UTC|GMT)$/i.test(name)) return 'UTC'
  return name.includes('/') && !ONLY_NODE.test(name) ? resolved(name) : undefined
}

/** The zones that a name which is not accepted may mean, if they are known. */
export function zonesMeant(name: string): string | undefined {
  const [, sign = '', hours] = /^(?:UTC|GMT)?([+-])0?(\d{1,2})(?::?00)?$/i.exec(name) ?? []
  if (hours !== undefined) return fixed(sign, hours)
  const zone = ABBREVIATIONS[name.toUpperCase()] ?? resolved(name)
  return zone === name ? undefined : zone
}

/** What to write instead, as an imperative. */
export const zoneHint = (name: string): string =>
  `use ${zonesMeant(name) ?? 'an IANA name such as Europe/Berlin or UTC'}`

/** In these names + is west. */
const fixed = (sign: string, hours: string): string | undefined =>
  resolved(`Etc/GMT${sign === '+' ? '-' : '+'}${hours}`) &&
  `Etc/GMT${sign === '+' ? '-' : '+'}${hours}, which is ${sign}${hours.padStart(2, '0')}:00`

function resolved(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}
