import { WfstoreError } from '../../error.ts'
import { nearest } from '../../nearest.ts'
import { type Environment, serviceSettings } from './libpq.ts'

/** The parameters of libpq that wfstore supports, and their environment variables. */
const HONOURED = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  service: 'PGSERVICE',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  application_name: 'PGAPPNAME',
  fallback_application_name: undefined,
  options: 'PGOPTIONS',
  keepalives: undefined,
  keepalives_idle: undefined,
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslcrl: 'PGSSLCRL',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  channel_binding: 'PGCHANNELBINDING',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
} as const

export type ParameterName = keyof typeof HONOURED
export type Parameters = Partial<Record<ParameterName, string>>

/** Parameters that wfstore does not support. Only these values are accepted, because they change nothing. */
const REFUSED: Record<string, { variable?: string; harmless?: RegExp }> = {
  client_encoding: { harmless: /^(utf-?8|unicode|auto)$/i },
  gssencmode: { variable: 'PGGSSENCMODE', harmless: /^(disable|prefer)$/ },
  gssdelegation: { variable: 'PGGSSDELEGATION', harmless: /^0$/ },
  gsslib: { variable: 'PGGSSLIB' },
  krbsrvname: { variable: 'PGKRBSRVNAME' },
  keepalives_interval: {},
  keepalives_count: {},
  tcp_user_timeout: { harmless: /^0$/ },
  replication: { harmless: /^(false|off|no|0)$/ },
  require_auth: { variable: 'PGREQUIREAUTH' },
  requirepeer: { variable: 'PGREQUIREPEER' },
  sslcertmode: { variable: 'PGSSLCERTMODE', harmless: /^allow$/ },
  sslcompression: { variable: 'PGSSLCOMPRESSION', harmless: /^0$/ },
  sslcrldir: { variable: 'PGSSLCRLDIR' },
  sslkeylogfile: {},
  sslsni: { variable: 'PGSSLSNI', harmless: /^1$/ },
  min_protocol_version: { variable: 'PGMINPROTOCOLVERSION', harmless: /^3\.0$/ },
  max_protocol_version: { variable: 'PGMAXPROTOCOLVERSION', harmless: /^(3\.[02]|latest)$/ },
  servicefile: {},
  scram_client_key: {},
  scram_server_key: {},
  oauth_issuer: {},
  oauth_client_id: {},
  oauth_client_secret: {},
  oauth_scope: {},
  // Of node-postgres: it asks for the meanings of libpq, which are ours.
  uselibpqcompat: { harmless: /^true$/ },
}

/** Parameters of other clients, with the parameter to use instead. */
const ELSEWHERE: Record<string, string> = {
  schema: 'give the schema with --schema, in the library with the option schema',
  currentschema: 'give the schema with --schema, in the library with the option schema',
  search_path: 'give the schema with --schema, in the library with the option schema',
  database: 'did you mean dbname?',
  db: 'did you mean dbname?',
  username: 'did you mean user?',
  ssl: 'use sslmode, for example sslmode=require',
  pgbouncer: 'leave it out: wfstore finds out by itself',
}

/** An empty text is a wrong value for these. For the others it is the default, also if a variable has a value. */
const NEVER_EMPTY: readonly string[] = [
  ...['connect_timeout', 'keepalives', 'keepalives_idle', 'sslmode', 'sslnegotiation'],
  ...['channel_binding', 'target_session_attrs', 'load_balance_hosts'],
]

const isHonoured = (name: string): name is ParameterName => Object.hasOwn(HONOURED, name)

/**
 * The effective parameters: from `given` (a URL), then from the service in it or in PGSERVICE, then from the other
 * environment variables.
 * @throws WfstoreError usage for a parameter that is unknown or not supported
 */
export function readParameters(
  given: Record<string, string>,
  source: string,
  env: Environment,
): Parameters {
  const own = checked(given, source)
  for (const [name, { variable }] of Object.entries(REFUSED)) {
    const value = variable && env[variable]
    if (value) assertHarmless(name, value, variable)
  }
  const service = own.service ?? env.PGSERVICE
  const { service: nested, ...shared } =
    service === undefined ? {} : checked(serviceSettings(service, env), `service ${service}`)
  if (nested !== undefined)
    throw new WfstoreError('usage', `service ${service} names another service, ${nested}`, {
      hint: 'write the parameters of that service into it',
    })
  const variables = Object.entries(HONOURED).flatMap(([name, variable]) => {
    const value = variable && env[variable]
    return value === undefined ? [] : [[name, value] as const]
  })
  const old: Parameters = env.PGREQUIRESSL?.startsWith('1') ? { sslmode: 'require' } : {}
  const all: Parameters = { ...old, ...Object.fromEntries(variables), ...shared, ...own }
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => value !== '' || NEVER_EMPTY.includes(name)),
  )
}

function checked(given: Record<string, string>, source: string): Parameters {
  const parameters: Parameters = {}
  for (const [name, value] of Object.entries(given)) {
    if (isHonoured(name)) parameters[name] = value
    else assertHarmless(name, value, `${name} of ${source}`, source)
  }
  return parameters
}

function assertHarmless(name: string, value: string, where: string, source = where): void {
  const refused = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined
  if (!refused) {
    const meant = nearest(name, [...Object.keys(HONOURED), ...Object.keys(REFUSED)])
    throw new WfstoreError(
      'usage',
      `${JSON.stringify(name)} of ${source} is not a connection parameter`,
      {
        hint:
          ELSEWHERE[name.toLowerCase()] ??
          (meant ? `did you mean ${meant}?` : 'it knows the connection parameters of libpq only'),
      },
    )
  }
  if (refused.harmless?.test(value)) return
  throw new WfstoreError('usage', `${where} has a value that wfstore cannot honour`, {
    hint: 'leave it out',
  })
}

/** A parameter with one of several values. @throws WfstoreError usage for another */
export function oneOf<T extends string>(
  parameters: Parameters,
  name: ParameterName,
  values: readonly T[],
  source: string,
): T | undefined {
  const value = parameters[name]
  if (value === undefined) return undefined
  const known = values.find((one) => one === value)
  if (known !== undefined) return known
  throw new WfstoreError('usage', `${name} ${JSON.stringify(value)} of ${source} is unknown`, {
    hint: `it is one of ${values.join(', ')}`,
  })
}

/** A parameter that is a whole number. @throws WfstoreError usage */
export function wholeNumber(
  parameters: Parameters,
  name: ParameterName,
  source: string,
): number | undefined {
  const value = parameters[name]
  if (value === undefined) return undefined
  if (/^\s*[-+]?\d+\s*$/.test(value) && Math.abs(Number(value)) < 2 ** 31) return Number(value)
  throw new WfstoreError('usage', `${name} ${JSON.stringify(value)} of ${source} is not a number`, {
    hint: 'give a whole number',
  })
}
