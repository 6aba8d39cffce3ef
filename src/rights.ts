import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Files hold payloads, names and costs, so only their owner may read them, with any umask. `fileMode` widens
 * this. Files and folders that other programs may need are made here.
 */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Who may read a file may enter its folder. */
const folderMode = (fileMode: number): number => fileMode | ((fileMode & 0o444) >> 2)

/** Creates a file. @throws what the file system refuses, EEXIST if it exists */
export async function createFile(path: string, fileMode = FILE_MODE): Promise<FileHandle> {
  const handle = await open(path, 'wx', FILE_MODE)
  try {
    // The umask takes away rights of a new file.
    if (fileMode !== FILE_MODE) await handle.chmod(fileMode)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Creates a folder. @throws what the file system refuses, EEXIST if it exists */
export async function createFolder(path: string, fileMode = FILE_MODE): Promise<void> {
  await mkdir(path, { mode: FOLDER_MODE })
  if (fileMode !== FILE_MODE) await chmod(path, folderMode(fileMode))
}

/** Creates a folder and those above it that are missing. The others stay as they are. */
export async function createFolders(path: string, fileMode = FILE_MODE): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE })
  if (first === undefined || fileMode === FILE_MODE) return
  for (let at = path; at.length >= first.length; at = dirname(at))
    await chmod(at, folderMode(fileMode))
}
