import { createDatabase, endSessions, type TestDatabase } from './database.ts'

export interface Template {
  /** A database with all that the template has, in a few hundredths of a second. */
  copy: () => Promise<TestDatabase>
  drop: () => Promise<void>
}

export async function createTemplate(
  label: string,
  fill: (database: TestDatabase) => Promise<unknown>,
): Promise<Template> {
  const seed = await createDatabase(label)
  await fill(seed)
  await endSessions(seed)
  return { copy: () => createDatabase(label, seed.name), drop: seed.drop }
}
