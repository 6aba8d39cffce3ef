import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { ConnectionOptions, SecureContextOptions, SecureVersion } from 'node:tls'
import { WfstoreError } from '../../error.ts'
import { type Environment, homePath } from './libpq.ts'
import { oneOf, type Parameters } from './parameters.ts'

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
const PROTOCOLS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const

export type SslMode = (typeof MODES)[number]

/** Most connections have no files, so the modules of Node that read them are loaded here. */
const load = (module: string) => createRequire(import.meta.url)(module)
const createSecureContext = (options: SecureContextOptions) =>
  (load('node:tls') as typeof import('node:tls')).createSecureContext(options)
const parseCertificate = (content: Buffer) =>
  new (load('node:crypto') as typeof import('node:crypto')).X509Certificate(content)

interface Encryption {
  mode: SslMode
  ssl: false | ConnectionOptions
  negotiation: 'postgres' | 'direct'
}

/**
 * The TLS settings of Node that correspond to sslmode and its files in libpq. The files are read and checked here, before
 * a byte is sent, unless no connection is encrypted.
 * @throws WfstoreError usage for an unknown mode, a mode that does not fit the files, or a file that cannot be used
 */
export function encryption(
  parameters: Parameters,
  source: string,
  env: Environment,
  encryptable: boolean,
): Encryption {
  const wrong: Wrong = (message, hint) =>
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
  const versions = protocolVersions(parameters, wrong)
  if (mode === 'disable' || !encryptable) return { mode, ssl: false, negotiation }

  const { file, context } = filesOf(parameters, env, wrong)
  const ca = systemRoots ? systemCertificates(env) : file('sslrootcert', 'root.crt')
  const verifies = mode === 'verify-ca' || mode === 'verify-full'
  if (verifies && !systemRoots && ca === undefined)
    throw wrong(
      `sslmode=${mode} needs the certificate of an authority, and ${homePath(env, '.postgresql', 'root.crt')} does not exist`,
      'set sslrootcert to its file, or sslrootcert=system for the authorities that this machine trusts',
    )
  if (ca && !systemRoots) context('sslrootcert', () => parseCertificate(ca))
  if (parameters.sslcrl && (systemRoots || !ca))
    throw wrong('sslcrl has no effect without sslrootcert', 'set sslrootcert to a file')
  const crl = ca && !systemRoots ? file('sslcrl', 'root.crl') : undefined
  if (crl) context('sslcrl', () => createSecureContext({ crl }))
  const own = clientCertificate(parameters, env, wrong)
  const settings = { ...versions, ...own, ...defined({ ca, crl }) }
  const secureContext = Object.keys(settings).length > 0 ? createSecureContext(settings) : undefined
  // As in libpq, every mode verifies the certificate like verify-ca if the authority is known.
  const ssl: ConnectionOptions = {
    ...defined({ secureContext }),
    rejectUnauthorized: verifies || ca !== undefined,
  }
  if (mode !== 'verify-full') ssl.checkServerIdentity = () => undefined
  return { mode, ssl, negotiation }
}

type Wrong = (message: string, hint: string) => WfstoreError
type FileParameter = 'sslrootcert' | 'sslcert' | 'sslkey' | 'sslcrl'

function filesOf(parameters: Parameters, env: Environment, wrong: Wrong) {
  const pathOf = (name: FileParameter, usual: string) =>
    parameters[name] ?? homePath(env, '.postgresql', usual)
  /** The file of a parameter, or libpq's own file if it exists. */
  const file = (name: FileParameter, usual: string): Buffer | undefined => {
    const path = pathOf(name, usual)
    if (parameters[name] === undefined && !existsSync(path)) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      const reason = (cause as NodeJS.ErrnoException).code ?? 'error'
      throw wrong(`${name} ${path} cannot be read: ${reason}`, 'check the path and its permissions')
    }
  }
  /** Checks a content with OpenSSL. */
  const context = <T>(name: keyof Parameters, check: () => T, hint?: string): T => {
    try {
      return check()
    } catch {
      throw wrong(
        `${name} ${parameters[name] ?? 'of ~/.postgresql'} cannot be used`,
        hint ?? 'set it to a file in PEM format',
      )
    }
  }
  return { file, context, pathOf }
}

/** The certificate and the key of the client. */
function clientCertificate(parameters: Parameters, env: Environment, wrong: Wrong) {
  const { file, context, pathOf } = filesOf(parameters, env, wrong)
  const cert = file('sslcert', 'postgresql.crt')
  if (!cert) return {}
  context('sslcert', () => parseCertificate(cert))
  const key = file('sslkey', 'postgresql.key')
  const path = pathOf('sslkey', 'postgresql.key')
  if (!key) throw wrong(`sslcert needs its key, and ${path} does not exist`, 'set sslkey')
  if (isExposed(path))
    throw wrong(`other users may read sslkey ${path}`, 'run `chmod 600` on it, as psql requires')
  const pair = { cert, key, ...defined({ passphrase: parameters.sslpassword }) }
  const hint = 'check that the key belongs to sslcert, and sslpassword if it is encrypted'
  context('sslkey', () => createSecureContext(pair), hint)
  return pair
}

/** As in libpq: the group may read a key that root owns. */
function isExposed(path: string): boolean {
  if (process.platform === 'win32') return false
  const { uid, mode } = statSync(path)
  return (mode & (uid === 0 ? 0o037 : 0o077)) !== 0
}

function protocolVersions(parameters: Parameters, wrong: Wrong) {
  const version = (name: 'ssl_min_protocol_version' | 'ssl_max_protocol_version') => {
    const value = parameters[name]
    const known = PROTOCOLS.find((one) => one.toLowerCase() === value?.toLowerCase())
    if (value !== undefined && known === undefined)
      throw wrong(
        `${name} ${JSON.stringify(value)} is unknown`,
        `it is one of ${PROTOCOLS.join(', ')}`,
      )
    return known
  }
  const minVersion = version('ssl_min_protocol_version')
  const maxVersion = version('ssl_max_protocol_version')
  const rank = (one: SecureVersion) => PROTOCOLS.indexOf(one)
  if (maxVersion && rank(minVersion ?? 'TLSv1.2') > rank(maxVersion))
    throw wrong(
      `ssl_max_protocol_version is less than ssl_min_protocol_version, ${minVersion ?? 'TLSv1.2'}`,
      'exchange them, or leave them out',
    )
  return defined({ minVersion, maxVersion })
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
