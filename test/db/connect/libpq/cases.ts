/**
 * Connections that wfstore and psql make. `{db}` is the host and port of a server, `{scram}` a role and its password,
 * `{authority.crt}` a file, `{port db}` a port. PGHOSTADDR is 127.0.0.1, so that each name reaches loopback.
 */
export interface Case {
  /** Undefined: the environment says it all. */
  url?: string
  env?: Record<string, string>
  /** The home folder, from homes.ts (default: an empty one). */
  home?: string
  /** What to select (default: the role). */
  show?: string
  /** What wfstore does if it is not what psql does, and why. */
  instead?: string
  because?: string
}

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const REFUSED = 'no | no byte is sent'
const FILE = { instead: REFUSED, because: 'a file that is named is not ignored' }
const UNSUPPORTED = { instead: REFUSED, because: 'it is not supported, so it is refused' }
const ROOT = 'sslrootcert={authority.crt}'

const to = (place: string, parameters = '', more: Omit<Case, 'url'> = {}): Case => ({
  url: `postgresql://${place}/wfstore${parameters && `?${parameters}`}`,
  ...more,
})

/** Every sslmode against every kind of server and certificate. */
const everyMode: Case[] = MODES.flatMap((mode) => [
  to('{scram}@{db}', `sslmode=${mode}`),
  to('{scram}@{db}', `sslmode=${mode}&${ROOT}`),
  to('{scram}@elsewhere.test:{port db}', `sslmode=${mode}&${ROOT}`),
  to('{scram}@{self}', `sslmode=${mode}&${ROOT}`),
  to('{scram}@{expired}', `sslmode=${mode}&${ROOT}`),
  to('{scram}@{off}', `sslmode=${mode}&${ROOT}`),
  to('{password}@{off}', `sslmode=${mode}`),
  to('{tls_only}@{db}', `sslmode=${mode}&${ROOT}`),
  to('{tls_only}@{db}', `sslmode=${mode}&sslrootcert={other.crt}`),
  to('{clear_only}@{db}', `sslmode=${mode}&${ROOT}`),
])

const FULL = `sslmode=verify-full&${ROOT}`

const certificates: Case[] = [
  to('{scram}@{self}', 'sslmode=verify-full&sslrootcert={self.crt}'),
  to('{scram}@{db.test}', FULL),
  to('{scram}@elsewhere.test:{port db.test}', FULL),
  to('{scram}@127.0.0.1:{port address}', FULL),
  to('{scram}@[::1]:{port address}', FULL, { env: { PGHOSTADDR: '::1' } }),
  to('{scram}@one.wild.test:{port address}', FULL),
  to('{scram}@one.two.wild.test:{port address}', FULL),
  to('{scram}@127.0.0.1:{port db}', FULL),
  to('{scram}@:{port address}', FULL, {
    instead: 'TLS: scram | TLS',
    because: 'the certificate has the address',
  }),
  to('{scram}@{db}', 'sslmode=verify-full', { home: 'root' }),
  to('{scram}@{db}', 'sslmode=require', { home: 'other' }),
  to('{scram}@{db}', '', { home: 'other' }),
  to('{scram}@{db}', 'sslrootcert=system', { env: { SSL_CERT_FILE: '{authority.crt}' } }),
  to('{scram}@elsewhere.test:{port db}', 'sslrootcert=system', {
    env: { SSL_CERT_FILE: '{authority.crt}' },
  }),
  to('{scram}@{db}', 'sslrootcert=system'),
  to('{scram}@{db}', 'sslrootcert=system&sslmode=require'),
  to('{scram}@{db}', 'sslmode=verify-ca&sslrootcert={missing}'),
  to('{scram}@{db}', 'sslmode=require&sslrootcert={missing}', FILE),
  to('{scram}@{db}', 'sslmode=require&sslrootcert={garbage.crt}'),
  to('{scram}@{db}', `${FULL}&sslcrl={empty.crl}`),
  to('{scram}@{db}', `${FULL}&sslcrl={revoked.crl}`),
  to('{scram}@{db}', `${FULL}&sslcrl={missing}`, FILE),
  to('{scram}@{db}', `${FULL}&sslcrl={garbage.crt}`, FILE),
  to('{scram}@{db}', FULL, { home: 'revoked' }),
]

const CERT = 'sslcert={both.crt}&sslkey={both.key}'

const clientCertificates: Case[] = [
  to('{both}@{db}', `sslmode=require&${CERT}`),
  to('{both}@{db}', CERT),
  to('{both}@{db}', `sslmode=allow&${CERT}`),
  to('{both}@{db}', 'sslmode=require', { home: 'client' }),
  to('{both}@{db}', 'sslmode=require'),
  to('{both}@{db}', 'sslmode=require&sslcert={certificate.crt}&sslkey={certificate.key}'),
  to('{both}@{db}', 'sslmode=require&sslcert={other.crt}&sslkey={other.key}'),
  to('{certificate}@{db}', 'sslmode=require&sslcert={certificate.crt}&sslkey={certificate.key}'),
  to('{both}@{db}', 'sslmode=require&sslcert={both.crt}'),
  to('{both}@{db}', 'sslmode=require&sslcert={both.crt}&sslkey={missing}'),
  to('{both}@{db}', 'sslmode=require&sslcert={both.crt}&sslkey={open.key}'),
  to('{both}@{db}', 'sslmode=require&sslcert={both.crt}&sslkey={certificate.key}'),
  to(
    '{both}@{db}',
    'sslmode=require&sslcert={both.crt}&sslkey={locked.key}&sslpassword=of%20the%20key',
  ),
  to('{both}@{db}', 'sslmode=require&sslcert={both.crt}&sslkey={locked.key}&sslpassword=wrong'),
  to('{scram}@{db}', 'sslmode=require&sslcert={missing}&sslkey={both.key}', FILE),
  to('{scram}@{db}', 'sslmode=require&sslkey={missing}'),
]

/** psql repeats it, with sslmode=prefer without encryption. */
const ONCE = { instead: 'no | TLS', because: 'a wrong password is sent once' }

const logins: Case[] = [
  ...['{password}', '{md5}', '{trust}', '{scram}'].flatMap((role) => [
    to(`${role}@{db}`),
    to(`${role}@{db}`, 'sslmode=disable'),
    to(`${role}@{db}`, 'sslmode=require&channel_binding=require'),
  ]),
  to('{scram}@{db}', 'channel_binding=disable'),
  to('{scram}@{db}', 'sslmode=disable&channel_binding=require'),
  to('{scram}@{off}', 'channel_binding=require'),
  to('{scram}@{db}', 'channel_binding=yes'),
  to('scram:wrong@{db}', '', ONCE),
  to('password:wrong@{db}', '', ONCE),
  to('scram:wrong@{db}', 'sslmode=allow', { ...ONCE, instead: 'no | clear, scram' }),
  to('scram@{db}', 'sslmode=require'),
  to('scram:@{db}', 'sslmode=require', { env: { PGPASSWORD: '{PASSWORD}' } }),
  to('scram@{db}', 'sslmode=require&password=', { env: { PGPASSWORD: '{PASSWORD}' } }),
  to('scram@{db}', 'sslmode=require', { home: 'passwords' }),
  to('scram@{db}', 'sslmode=require', { home: 'open passwords' }),
  to('scram@{db}', 'sslmode=require&passfile={missing}', { home: 'passwords' }),
  ...['scram-sha-256', '!password'].map((methods) =>
    to('{scram}@{db}', `require_auth=${methods}`, UNSUPPORTED),
  ),
  ...['password', 'none', 'hunter2'].map((methods) =>
    to('{scram}@{db}', `require_auth=${methods}`),
  ),
  to('{password}@{off}', '', {
    env: { PGREQUIREAUTH: 'scram-sha-256' },
  }),
]

const tls: Case[] = [
  to('{scram}@{db}', 'sslmode=require&sslnegotiation=direct'),
  to('{scram}@{db}', `${FULL}&sslnegotiation=direct`),
  to('{scram}@{db}', 'sslmode=prefer&sslnegotiation=direct'),
  to('{scram}@{db}', 'sslnegotiation=direct'),
  to('{scram}@{off}', 'sslmode=require&sslnegotiation=direct'),
  to('{scram}@{db}', 'sslmode=require&sslnegotiation=postgres', {
    env: { PGSSLNEGOTIATION: 'direct' },
  }),
  to('{scram}@{db}', 'sslmode=require&sslnegotiation=fast'),
  to('{scram}@{db}', 'sslmode=require&ssl_min_protocol_version=TLSv1.3'),
  to('{scram}@{db}', 'sslmode=require&ssl_min_protocol_version=tlsv1.2'),
  to(
    '{scram}@{db}',
    'sslmode=require&ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2',
  ),
  to('{scram}@{db}', 'sslmode=require&ssl_max_protocol_version=TLSv1.1'),
  to(
    '{scram}@{db}',
    'sslmode=require&ssl_min_protocol_version=TLSv1&ssl_max_protocol_version=TLSv1.1',
  ),
  to('{scram}@{db}', 'ssl_min_protocol_version=TLSv1&ssl_max_protocol_version=TLSv1.1'),
  to('{scram}@{db}', 'sslmode=require&ssl_min_protocol_version=3'),
  to('{scram}@{db}', `sslmode=disable&ssl_min_protocol_version=3`),
  to('{scram}@{db}', 'sslmode=require&sslsni=1'),
  to('{scram}@{db}', 'sslmode=require&sslsni=0', UNSUPPORTED),
  to('{scram}@{db}', 'sslmode=require&sslcompression=0'),
  to('{both}@{db}', `sslmode=require&${CERT}&sslcertmode=disable`),
  to('{scram}@{db}', 'sslmode=require&sslcertmode=require'),
  to('{scram}@{db}', 'gssencmode=disable'),
  to('{scram}@{db}', 'gssencmode=prefer'),
  to('{scram}@{db}', 'gssencmode=require'),
  to('{scram}@{db}', 'gssencmode=on'),
  to('{scram}@{db}', 'ssl=true'),
  to('{scram}@{off}', 'ssl=true'),
  to('{scram}@{db}', 'sslmode=disable&ssl=true'),
  to('{scram}@{db}', 'ssl=true&sslmode=disable'),
  to('{scram}@{db}', 'ssl=false'),
  to('{scram}@{db}', 'sslmode=disable&sslmode=require'),
  to('{scram}@{db}', 'requiressl=1'),
  to('{scram}@{off}', 'requiressl=1'),
  to('{scram}@{off}', '', { env: { PGREQUIRESSL: '1' } }),
  to('{scram}@{off}', '', { env: { PGSSLMODE: 'require' } }),
  to('{scram}@{off}', 'sslmode=prefer', { env: { PGSSLMODE: 'require' } }),
  to('{scram}@{db}', 'sslmode=', { env: { PGSSLMODE: 'require' } }),
  to('{scram}@{db}', '', { env: { PGSSLMODE: '' } }),
  to('{scram}@{db}', 'sslmode=on'),
  to('{scram}@{db}', 'sslmode=REQUIRE'),
  to('{scram}@{db}', 'SSLMODE=require'),
  to('{scram}@{db}', 'sslmode=%72equire'),
  to('{scram}@{db}', 'sslmod=require'),
  to('{scram}@{db}', 'sslmode'),
  to('{scram}@{db}', 'max_protocol_version=latest'),
  to('{scram}@{db}', 'max_protocol_version=9'),
  to('{scram}@{db}', 'max_protocol_version=3.2'),
  to('{scram}@{db}', 'min_protocol_version=3.0'),
]

const TWO = { PGHOSTADDR: '127.0.0.1,127.0.0.1' }

const hosts: Case[] = [
  to('{scram}@db.test:1,{db}', 'sslmode=require', { env: TWO }),
  to('{scram}@{off},{db}', 'sslmode=require', { env: TWO }),
  to('{scram}@{expired},{db}', FULL, { env: TWO }),
  to('{scram}@{off},{db}', '', { env: TWO }),
  to('scram:wrong@{off},{db}', 'sslmode=disable', { env: TWO }),
  to('{no_room}@{off},{db}', 'sslmode=disable', { env: TWO }),
  to('{scram}@{db},{off}', 'target_session_attrs=standby', { env: TWO }),
  to('{scram}@{db},{off}', 'target_session_attrs=prefer-standby', { env: TWO }),
  to('{scram}@{db}', 'target_session_attrs=read-write'),
  to('{scram}@{db}', 'target_session_attrs=master'),
  to('{scram}@{db},{db}', ''),
  to('{scram}@{db},db.test', 'hostaddr=127.0.0.1,127.0.0.1&port=1,2,3'),
  to('{scram}@{db}', 'load_balance_hosts=yes'),
  to('{scram}@[::1]:{port db}', 'sslmode=require', { env: { PGHOSTADDR: '' } }),
  to('{scram}@127.0.0.1:{port db}', 'sslmode=require', { env: { PGHOSTADDR: '' } }),
  to('{scram}@:{port db}', 'hostaddr=127.0.0.1'),
  to('{scram}@{db}', 'hostaddr=localhost'),
  to('{scram}@{db}', 'host=127.0.0.1&hostaddr='),
  to('{scram}@{db}', 'port=0'),
  to('{scram}@db.test:99999'),
  to('{scram}@db.test:{port db}x'),
  ...MODES.map((mode) =>
    to('{trust}@', `host={socket}&sslmode=${mode}`, { env: { PGHOSTADDR: '' } }),
  ),
  to('{trust}@', 'host={socket}', { env: { PGHOSTADDR: '', PGSSLNEGOTIATION: 'direct' } }),
  to('{trust}@{socket in url}', '', { env: { PGHOSTADDR: '' } }),
  to('{trust}@', 'host={socket}&channel_binding=require', { env: { PGHOSTADDR: '' } }),
]

const texts: Case[] = [
  to('{scram}@{db}', 'application_name=a+b%20c%25', {
    show: "current_setting('application_name')",
  }),
  to('{scram}@{db}', '', { env: { PGAPPNAME: 'me' }, show: "current_setting('application_name')" }),
  to('{scram}@{db}', 'application_name=own', {
    env: { PGAPPNAME: 'me' },
    show: "current_setting('application_name')",
  }),
  to('{scram}@{db}', 'options=-c%20work_mem%3D5MB', { show: "current_setting('work_mem')" }),
  to('{scram}@{db}', 'options=-c+work_mem%3D5MB', {
    ...{ instead: 'no | TLS', because: 'a wrong setting does not get better the second time' },
  }),
  to('{scram}@{db}', '', {
    env: { PGOPTIONS: '-c work_mem=5MB' },
    show: "current_setting('work_mem')",
  }),
  to('{scram}@{db}', 'options=', {
    env: { PGOPTIONS: '-c work_mem=5MB' },
    show: "current_setting('work_mem')",
  }),
  to('{scram}@{db}', 'connect_timeout=5'),
  to('{scram}@{db}', 'connect_timeout=soon'),
  to('{scram}@{db}', 'connect_timeout=5s'),
  to('{scram}@{db}', 'connect_timeout='),
  to('{scram}@{db}', 'keepalives=0&keepalives_idle=30'),
  to('{scram}@{db}', 'keepalives=yes'),
  to('{scram}@{db}', 'replication=false'),
  to('{scram}@{db}', 'client_encoding=UTF8'),
  to('%73cram:known%20to%20the%20test@{db}'),
  to('scram:known+to+the+test@{db}', 'sslmode=require'),
  to('scram:known%20to%20the%20tes%74@%64b.test:{port db}'),
  to('scram:known to the test@{db}'),
  to('scram:p@ss@{db}', 'sslmode=require'),
  to('scram:a%zz@{db}'),
  to('{scram}@{db}', 'options=-c%20work_mem=5MB', {
    show: "current_setting('work_mem')",
    ...{ instead: 'TLS: 5MB | TLS', because: 'the second = has one reading only' },
  }),
  to('scram%00database%00postgres:x@{db}'),
  to('{scram}@{db}', 'application_name=%00'),
  { url: 'postgres://{scram}@{db}/wfstore' },
  { url: 'postgresql://{scram}@{db}?dbname=wfstore' },
  { url: 'postgresql://{db}/wfstore?user=scram&password={PASSWORD in url}' },
  { url: 'postgresql://{scram}@{db}/no_such_database?sslmode=require' },
  {
    env: {
      PGHOST: 'db.test',
      PGPORT: '{port db}',
      PGUSER: 'scram',
      PGDATABASE: 'wfstore',
      PGPASSWORD: '{PASSWORD}',
    },
  },
]

const serviceOf = (name: string, more: Record<string, string> = {}) => ({
  env: { PGSERVICEFILE: '{services}', PGSERVICE: name, ...more },
})

const services: Case[] = [
  serviceOf('db'),
  serviceOf('db', { PGSSLMODE: 'require' }),
  { url: 'postgresql://?service=db&sslmode=require', env: { PGSERVICEFILE: '{services}' } },
  { url: 'postgresql://{off}', ...serviceOf('db') },
  serviceOf('commented'),
  serviceOf('before'),
  serviceOf('twice'),
  serviceOf('misspelt'),
  serviceOf('no-value'),
  serviceOf('nested'),
  serviceOf('unknown'),
  serviceOf('db', { PGSERVICEFILE: '{missing}' }),
  { url: 'postgresql://{scram}@{db}/wfstore?service=', env: { PGSERVICEFILE: '{services}' } },
]

export const GROUPS: Record<string, Case[]> = {
  'each sslmode with each kind of server': everyMode,
  'certificates of servers': certificates,
  'certificates of clients': clientCertificates,
  logins,
  'parameters of the encryption': tls,
  'hosts and addresses': hosts,
  'texts and other parameters': texts,
  services,
}
