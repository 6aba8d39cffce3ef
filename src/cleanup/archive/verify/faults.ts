/** What is wrong with a file of an archive, in words that follow its name. */
export class Fault extends Error {}

export interface ArchiveProblem {
  /** Name of the file in its archive. */
  file: string
  /** What is wrong with it, in words that follow its name. */
  problem: string
}
