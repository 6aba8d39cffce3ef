import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, name)))
  .find((path) => existsSync(path))

/** The path of the browser on this computer. Tests of pages wait for a browser; .ci/run installs one. */
export const browserPath: string | undefined = executablePath

/** A hang shall fail, slowness shall not: a little less than the time of a test, so that the error names what is missing. */
const GUARD_MS = 110_000

/** Starts the browser. Its options keep it from asking the network for anything of its own; root has no sandbox. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: browserPath as string,
    timeout: GUARD_MS,
    args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
      ' ',
    ),
  })
  const newContext = browser.newContext.bind(browser)
  browser.newContext = async (options) => {
    const context = await newContext(options)
    context.setDefaultTimeout(GUARD_MS)
    return context
  }
  return browser
}
