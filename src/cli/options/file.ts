import { open } from 'node:fs/promises'
import { WfstoreError } from '../../error.ts'

/**
 * @param named the name in the error
 * @throws WfstoreError usage if the file does not exist or cannot be read
 */
export async function assertReadable(path: string, named: string): Promise<void> {
  let isFolder: boolean
  try {
    const file = await open(path)
    isFolder = (await file.stat()).isDirectory()
    await file.close()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? `file not found: ${named}` : `cannot read ${named}: ${message}`
    throw new WfstoreError('usage', what, { cause })
  }
  if (isFolder) throw new WfstoreError('usage', `${named} is a folder, not a file`)
}
