import { describe } from '../query/errors.ts'
import type { Target } from './target.ts'

interface Reason {
  reason: string
  /** Undefined if the error has nothing to do with TLS. */
  hint?: string
}

const UNKNOWN_AUTHORITY: Reason = {
  reason: 'no trusted authority has signed the certificate of the server',
  hint: 'set sslrootcert to the certificate of the authority of the server, or to system for the authorities that this machine trusts',
}

/** The codes of Node and OpenSSL for certificates of the server that they reject. */
const REASONS: Record<string, Reason> = {
  CERT_HAS_EXPIRED: {
    reason: 'the certificate of the server, or of its authority, has expired',
    hint: 'renew it, or check the clock of this machine',
  },
  CERT_NOT_YET_VALID: {
    reason: 'the certificate of the server, or of its authority, is not valid yet',
    hint: 'check the clock of this machine',
  },
  CERT_REVOKED: {
    reason: 'the certificate of the server is revoked (sslcrl)',
    hint: 'give the server a new certificate',
  },
  UNABLE_TO_GET_CRL: {
    reason: 'sslcrl has no list of the authority of the server',
    hint: 'add the list of revoked certificates of each authority to the file',
  },
  CRL_HAS_EXPIRED: {
    reason: 'the list of revoked certificates has expired',
    hint: 'replace the file of sslcrl with a new list',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

const SETTINGS_HINT = 'check sslmode, sslcert and sslkey, and the TLS settings of the server'

/** Why a server cannot be reached, in one line, with a hint if TLS is the reason. */
export function tlsReason(error: unknown, { config, sslMode }: Target): Reason {
  const { code = '', message } = describe(error)
  const known = REASONS[code]
  if (known) return known
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = namesOf(error)
    return {
      reason: `the certificate of the server is for ${names || 'another name'}, not for ${config.host}`,
      hint: 'connect by a name that the certificate of the server has, or use sslmode=verify-ca',
    }
  }
  // The message is a constant of pg (pg/lib/connection.js).
  if (message === 'The server does not support SSL connections')
    return {
      reason: `the server does not support TLS, which sslmode=${sslMode} requires`,
      hint: 'set ssl = on at the server, or use sslmode=prefer in a network that you trust',
    }
  if (message.startsWith('Client network socket disconnected before secure TLS'))
    return {
      reason: 'the server ended the connection before TLS was established',
      hint: 'check ssl = on at the server; sslnegotiation=direct needs PostgreSQL 17 or newer',
    }
  // OpenSSL writes number, library, function, reason, file and line.
  const [, alert] = /:SSL routines:[^:]*:([^:]+):/.exec(message) ?? []
  if (alert) return { reason: `TLS failed: ${alert}`, hint: hintOf(alert) }
  if (/^(ERR_(SSL|TLS|OSSL)|CERT_)/.test(code)) return { reason: message, hint: SETTINGS_HINT }
  return { reason: message }
}

/** The names in a certificate, of which Node has `DNS:one, DNS:two, IP Address:…`. */
function namesOf(error: unknown): string {
  const { cert } = error as { cert?: { subjectaltname?: string; subject?: { CN?: string } } }
  return cert?.subjectaltname?.replace(/(DNS|IP Address):/g, '') ?? cert?.subject?.CN ?? ''
}

function hintOf(alert: string): string {
  if (/alert (certificate required|unknown ca|bad certificate|.*certificate)/.test(alert))
    return 'set sslcert and sslkey to a certificate that the server accepts'
  if (/protocol/.test(alert))
    return 'check ssl_min_protocol_version and ssl_max_protocol_version, here and at the server'
  return SETTINGS_HINT
}
