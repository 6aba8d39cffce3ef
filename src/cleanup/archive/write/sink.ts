export { archiveInFolder, type FolderOptions } from './folder.ts'
export { archiveToStream } from './stream.ts'
