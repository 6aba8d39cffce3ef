import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

/** A package as `npm publish` sends it. */
export interface PackedPackage {
  name: string
  version: string
  integrity: string
  content: Buffer
}

/** Packs files, by their names in the package. Each can be executed. */
export function pack(
  folder: string,
  { name, version }: { name: string; version: string },
  files: Record<string, string>,
): PackedPackage {
  const source = join(folder, 'source')
  const manifest = JSON.stringify({ name, version, exports: './dist/index.js' })
  for (const [file, text] of Object.entries({ ...files, 'package.json': manifest })) {
    const path = join(source, file)
    fs.mkdirSync(dirname(path), { recursive: true })
    fs.writeFileSync(path, text, { mode: 0o755 })
  }
  const printed = execFileSync('npm', ['pack', source, '--ignore-scripts', '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
  })
  const content = fs.readFileSync(join(folder, printed.trim()))
  return { name, version, content, integrity: integrityOf(content) }
}

const integrityOf = (content: Buffer): string =>
  `sha512-${createHash('sha512').update(content).digest('base64')}`

export interface Registry {
  url: string
  /** The paths that were asked for. */
  requests: string[]
  close: () => Promise<void>
}

/**
 * An npm registry with one package. `send` answers the request for its content (default: sends it).
 */
export async function startRegistry(
  { name, version, integrity, content }: PackedPackage,
  send: (response: ServerResponse) => void = (response) => void response.end(content),
): Promise<Registry> {
  const requests: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const path = decodeURIComponent(request.url ?? '')
    requests.push(path)
    if (path === '/content.tgz') return send(response)
    if (path !== `/${name}`) return void response.writeHead(404).end('{}')
    const dist = { tarball: `${urlOf(server)}content.tgz`, integrity }
    const versions = { [version]: { name, version, dist } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: urlOf(server),
    requests,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const urlOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
