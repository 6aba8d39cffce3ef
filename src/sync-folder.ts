import * as fs from 'node:fs'
import { open } from 'node:fs/promises'

/** File systems that cannot do this for a folder: Windows, and some network and FUSE ones. */
const UNSUPPORTED = ['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR']

/** Writes the names in a folder to the disk, so that a new or renamed file outlives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined)
  try {
    await handle?.sync()
  } catch (error) {
    if (!UNSUPPORTED.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle?.close()
  }
}

/** The same at once. A folder that cannot be synced is passed. */
export function syncFolderNow(folder: string): void {
  try {
    const fd = fs.openSync(folder, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    if (!UNSUPPORTED.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
