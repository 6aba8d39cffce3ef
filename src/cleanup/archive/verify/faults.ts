/** A problem of a file of an archive. The message follows the name of the file. */
export class Fault extends Error {}

export interface ArchiveProblem {
  /** The name of the file in its archive. */
  file: string
  /** The problem, to be printed after the name. */
  problem: string
}
