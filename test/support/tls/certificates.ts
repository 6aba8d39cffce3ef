import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of PEM files, made with the openssl program: `<name>.crt` and `<name>.key`. */
export type Certificates = (file: string) => string

const CONFIG = (folder: string) => `
[ca]
default_ca = authority
[authority]
database = ${folder}/index
new_certs_dir = ${folder}
rand_serial = yes
default_md = sha256
default_days = 30
default_crl_days = 30
policy = policy
unique_subject = no
[policy]
commonName = supplied
[plain]
basicConstraints = critical, CA:false
[db]
basicConstraints = critical, CA:false
subjectAltName = DNS:db.test
[address]
basicConstraints = critical, CA:false
subjectAltName = IP:127.0.0.1, IP:::1, DNS:*.wild.test
`

/** The certificates of the servers, by the section above that says what they are for. */
const SIGNED = [
  { name: 'db', section: 'db' },
  { name: 'db.test', section: 'plain' },
  { name: 'address', section: 'address' },
  {
    name: 'expired',
    section: 'db',
    dates: ['-startdate', '200101000000Z', '-enddate', '210101000000Z'],
  },
  // Of clients: the name is the one of the role.
  { name: 'certificate', section: 'plain' },
  { name: 'both', section: 'plain' },
]

/**
 * Makes an authority, what it signs, its list of revoked certificates (`revoked.crl` has the one of `db`, `empty.crl`
 * none), another authority, a certificate that signs itself, and files that are no certificates.
 */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-tls-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  writeFileSync(at('config'), CONFIG(folder))
  writeFileSync(at('index'), '')
  const root = (name: string, subject: string, ...words: string[]) =>
    openssl(
      ...['req', '-x509', ...key, '-days', '30', '-subj', `/CN=${subject}`, ...words],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)],
    )
  root('authority', 'authority')
  root('other', 'other')
  root('self', 'db.test', '-addext', 'subjectAltName=DNS:db.test')
  const ca = (...words: string[]) =>
    openssl(
      ...['ca', '-batch', '-notext', '-config', at('config'), '-cert', at('authority.crt')],
      ...['-keyfile', at('authority.key'), ...words],
    )
  for (const { name, section, dates = [] } of SIGNED) {
    openssl(
      ...['req', '-new', ...key, '-subj', `/CN=${section === 'plain' ? name : 'wfstore'}`],
      ...['-keyout', at(`${name}.key`), '-out', at('request')],
    )
    ca('-in', at('request'), '-out', at(`${name}.crt`), '-extensions', section, ...dates)
  }
  ca('-gencrl', '-out', at('empty.crl'))
  ca('-revoke', at('db.crt'))
  ca('-gencrl', '-out', at('revoked.crl'))
  openssl(
    'ec',
    '-in',
    at('both.key'),
    '-aes256',
    '-passout',
    'pass:of the key',
    '-out',
    at('locked.key'),
  )
  copyFileSync(at('both.key'), at('open.key'))
  chmodSync(at('open.key'), 0o644)
  chmodSync(at('locked.key'), 0o600)
  writeFileSync(at('garbage.crt'), 'not a certificate\n')
  return at
}
