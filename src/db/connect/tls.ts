import { existsSync, readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { WfstoreError } from '../../error.ts'
import { type Environment, homePath } from './libpq.ts'
import { oneOf, type Parameters } from './parameters.ts'

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
const PROTOCOLS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const

export type SslMode = (typeof MODES)[number]

/** TLS without verification of the server. */
export const UNVERIFIED: ConnectionOptions = { rejectUnauthorized: false }

interface Encryption {
  mode: SslMode
  ssl: false | ConnectionOptions
  negotiation: 'postgres' | 'direct'
}

/**
 * The TLS settings of Node that correspond to sslmode and its files in libpq.
 * @throws WfstoreError usage for an unknown mode, or a mode that does not fit the files
 */
export function encryption(parameters: Parameters, source: string, env: Environment): Encryption {
  const wrong = (message: string, hint: string) =>
    new WfstoreError('usage', `${message} (${source})`, { hint })
  const systemRoots = parameters.sslrootcert === 'system'
  const mode =
    oneOf(parameters, 'sslmode', MODES, source) ?? (systemRoots ? 'verify-full' : 'prefer')
  if (systemRoots && mode !== 'verify-full')
    throw wrong(`sslrootcert=system does not work with sslmode=${mode}`, 'use sslmode=verify-full')
  const negotiation =
    oneOf(parameters, 'sslnegotiation', ['postgres', 'direct'] as const, source) ?? 'postgres'
  const strict = mode === 'require' || mode === 'verify-ca' || mode === 'verify-full'
  if (negotiation === 'direct' && !strict)
    throw wrong(`sslnegotiation=direct does not work with sslmode=${mode}`, 'use sslmode=require')
  const minVersion = oneOf(parameters, 'ssl_min_protocol_version', PROTOCOLS, source)
  const maxVersion = oneOf(parameters, 'ssl_max_protocol_version', PROTOCOLS, source)
  if (mode === 'disable' || mode === 'allow') return { mode, ssl: false, negotiation }

  /** The file of a parameter, or libpq's own file if it exists. */
  const file = (name: 'sslrootcert' | 'sslcert' | 'sslkey' | 'sslcrl', usual: string) => {
    const path = parameters[name] ?? homePath(env, '.postgresql', usual)
    if (parameters[name] === undefined && !existsSync(path)) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      const reason = (cause as NodeJS.ErrnoException).code ?? 'error'
      throw wrong(`${name} ${path} cannot be read: ${reason}`, 'check the path and its permissions')
    }
  }
  const ca = systemRoots ? systemCertificates(env) : file('sslrootcert', 'root.crt')
  const verifies = mode === 'verify-ca' || mode === 'verify-full'
  if (verifies && !systemRoots && ca === undefined)
    throw wrong(
      `sslmode=${mode} needs the certificate of an authority, and ${homePath(env, '.postgresql', 'root.crt')} does not exist`,
      'set sslrootcert to its file, or sslrootcert=system for the authorities that this machine trusts',
    )
  const cert = file('sslcert', 'postgresql.crt')
  const key = cert && file('sslkey', 'postgresql.key')
  const crl = ca && !systemRoots ? file('sslcrl', 'root.crl') : undefined
  const shared = defined({
    ...{ cert, key, minVersion, maxVersion },
    passphrase: parameters.sslpassword,
  })
  // As in libpq, require verifies the certificate like verify-ca if the authority is known.
  const verified = verifies || (mode === 'require' && ca !== undefined)
  const ssl: ConnectionOptions = verified
    ? { ...shared, ...defined({ ca, crl }) }
    : { ...shared, ...UNVERIFIED }
  if (verified && mode !== 'verify-full') ssl.checkServerIdentity = () => undefined
  return { mode, ssl, negotiation }
}

/** Some versions of Node reject options that are undefined. */
const defined = <T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

/** The files in which Linux distributions keep their trusted authorities. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** Undefined if there is no such file, as on Windows. Node then uses its own list. */
function systemCertificates(env: Environment): Buffer | undefined {
  const bundle = [env.SSL_CERT_FILE, ...BUNDLES].find((path) => path && existsSync(path))
  return bundle ? readFileSync(bundle) : undefined
}
