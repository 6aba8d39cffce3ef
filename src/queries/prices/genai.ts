import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { type Seeds, seedsOf } from './seeds.ts'

const PACKAGE = '@pydantic/genai-prices'

/**
 * The list of the installed package. It has a megabyte, so it is loaded only here. Nothing is downloaded.
 * @throws WfstoreError failed if the package is not installed, or has no list
 */
export async function readSeeds(): Promise<Seeds & { version: string }> {
  try {
    const { waitForUpdate } = await import('@pydantic/genai-prices')
    // Without an update that the application has started, this is the list of the package.
    const providers = await waitForUpdate()
    if (!providers?.length) throw new Error('its list is empty')
    return { ...seedsOf(providers), version: installedVersion() }
  } catch (cause) {
    throw new WfstoreError(
      'failed',
      `the prices of ${PACKAGE} cannot be read: ${(cause as Error).message}`,
      {
        hint: 'install wfstore again',
        cause,
      },
    )
  }
}

/** The package does not export its package.json. */
function installedVersion(): string {
  const main = createRequire(import.meta.url).resolve(PACKAGE)
  const { version } = JSON.parse(readFileSync(join(dirname(main), '../package.json'), 'utf8'))
  return String(version)
}
