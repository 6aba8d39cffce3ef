import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, name)))
  .find((path) => existsSync(path))

/** The path of the browser on this computer. Tests of pages wait for a browser; .ci/run installs one. */
export const browserPath: string | undefined = executablePath

/** Starts the browser. Its options keep it from asking the network for anything of its own; root has no sandbox. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath as string,
    args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
      ' ',
    ),
  })
