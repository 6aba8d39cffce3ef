import { createDatabase, seal, type TestDatabase } from './database.ts'

export interface Template {
  /** Copies the template into a new database, in about 0.05 s. */
  copy: () => Promise<TestDatabase>
  drop: () => Promise<void>
}

export async function createTemplate(
  label: string,
  fill: (database: TestDatabase) => Promise<unknown>,
): Promise<Template> {
  const seed = await createDatabase(label)
  await fill(seed)
  await seal(seed)
  return { copy: () => createDatabase(label, seed.name), drop: seed.drop }
}
