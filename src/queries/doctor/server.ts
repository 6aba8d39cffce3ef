import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { formatDuration, formatNumber } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere } from './nodes.ts'
import type { Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** The major versions of PostgreSQL that wfstore is tested with. */
const SUPPORTED = { first: 15, last: 18 }
const ROUND_TRIPS = 5

export async function inspectServer(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const [row] = await query(
    database,
    `select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
            extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000 as uptime_ms,
            pg_is_in_recovery() as standby, current_setting('server_encoding') as encoding, quote_ident(current_database()) as name,
            (select setting = 'on' and source not in ('user', 'database user', 'client', 'session') from pg_settings
             where name = 'default_transaction_read_only') as read_only`,
    {
      version: d.text(),
      major: d.count(),
      uptimeMs: d.number(),
      standby: d.boolean(),
      encoding: d.text(),
      name: d.text(),
      readOnly: d.boolean(),
    },
  )
  if (!row) throw new Error('the server returned no row')
  const latencyMs = await measureLatency(database)
  // Debian and others add text after the number.
  const version = row.version.split(' ')[0]
  const parts = [
    `PostgreSQL ${version}`,
    `answers in ${formatDuration(latencyMs)}`,
    `up ${formatDuration(row.uptimeMs)}`,
  ]
  const fixes: string[] = []
  const untested = row.major < SUPPORTED.first || row.major > SUPPORTED.last
  if (untested)
    parts.push(`wfstore is tested with PostgreSQL ${SUPPORTED.first} to ${SUPPORTED.last}`)
  if (row.standby) {
    parts.push('a standby: reports work, commands that write fail')
    fixes.push(`${subject.command('doctor')} --database-url URL_OF_THE_PRIMARY`)
  } else if (row.readOnly) {
    // Hosting providers do this when the disk is nearly full.
    parts.push('the database is read-only: reports work, commands that write fail')
    fixes.push(`alter database ${row.name} set default_transaction_read_only = off`)
  }
  const unencoded = row.encoding !== 'UTF8'
  if (unencoded) {
    parts.push(
      `the encoding is ${row.encoding}, not UTF8: some texts are refused or stored without a check`,
    )
    fixes.push(
      'createdb --encoding UTF8 --template template0 NAME, then pg_dump and pg_restore into it',
    )
  }
  const state = untested || row.standby || row.readOnly || unencoded ? 'warning' : 'ok'
  return finding('server', state, parts.join(', '), {
    fix: fixes[0],
    details: {
      version: row.version,
      latencyMs,
      uptimeMs: Math.round(row.uptimeMs),
      standby: row.standby,
      encoding: row.encoding,
      readOnly: row.readOnly,
    },
  })
}

/** The median time of a few trivial queries, in milliseconds. */
async function measureLatency(database: Queryable): Promise<number> {
  const times: number[] = []
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const start = performance.now()
    await query(database, 'select 1', {})
    times.push(performance.now() - start)
  }
  const median = times.sort((a, b) => a - b)[Math.floor(ROUND_TRIPS / 2)] as number
  return Number(median.toFixed(2))
}

export async function inspectEncryption(database: Queryable): Promise<DoctorFinding> {
  const [row] = await query(
    database,
    `select coalesce(s.ssl, false) as encrypted, s.version as protocol, s.cipher, host(inet_client_addr()) as client,
            coalesce(inet_client_addr() <<= '127.0.0.0/8' or inet_client_addr() = '::1'
              or inet_client_addr() = inet_server_addr(), true) as local,
            current_setting('ssl') = 'on' as offered
     from (select pg_backend_pid() as pid) me left join pg_stat_ssl s using (pid)`,
    {
      encrypted: d.boolean(),
      protocol: d.nullable(d.text()),
      cipher: d.nullable(d.text()),
      client: d.nullable(d.text()),
      local: d.boolean(),
      offered: d.boolean(),
    },
  )
  if (!row) throw new Error('the server returned no row')
  const { encrypted, protocol, cipher, client, local, offered } = row
  const details = { encrypted, protocol, cipher, clientAddress: client }
  if (encrypted)
    return finding('encryption', 'ok', `encrypted with ${protocol}, ${cipher}`, { details })
  if (local) {
    const way = client === null ? 'a Unix socket' : 'loopback'
    return finding('encryption', 'ok', `not encrypted, but local (${way})`, { details })
  }
  return finding(
    'encryption',
    'warning',
    `not encrypted: others on the network can read what ${client} and the server exchange`,
    {
      fix: offered
        ? 'add sslmode=require to the URL, or set PGSSLMODE=require'
        : 'alter system set ssl = on (the server needs server.crt and server.key), then sslmode=require in the URL',
      details,
    },
  )
}

export async function inspectConnections(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  // pg_stat_activity hides the kind of other roles' sessions from a role with few rights.
  const rows = await everywhere(
    database,
    subject,
    sql`select sum(numbackends) as used, current_setting('max_connections') as allowed,
            current_setting('superuser_reserved_connections') as reserved from pg_stat_database`,
    { used: d.count(), allowed: d.count(), reserved: d.count() },
  )
  const nodes = rows.map(({ used, allowed, reserved, node }) => {
    const usable = allowed - reserved
    return { used, usable, maxConnections: allowed, ...(node === undefined ? {} : { node }) }
  })
  const full = nodes.some(({ used, usable }) => used >= usable * subject.limits.connectionShare)
  return finding(
    'connections',
    full ? 'warning' : 'ok',
    enumerate(
      nodes.map(
        ({ used, usable, node }) =>
          `${formatNumber(used)} of ${formatNumber(usable)} connections are in use${node === undefined ? '' : ` on ${node}`}`,
      ),
    ),
    {
      fix: full
        ? 'select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc'
        : null,
      details: nodes.length === 1 ? { ...nodes[0] } : { nodes },
    },
  )
}
