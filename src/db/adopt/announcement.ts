import { planConstraints } from './differences.ts'
import { missingTables } from './obstacles.ts'
import { describeSize, type TableSize } from './sizes.ts'
import { isOldIndex, isOldTrigger, type Survey, tableOf } from './survey.ts'
import { describeZones } from './zones.ts'

/** docs/FROM-THE-OLD-APPLICATION.md has the code. */
const PARSERS =
  'token counts become bigint and amounts numeric without a scale, which pg returns as text: the application needs the type parsers 20 and 1700 before this'

const ZONES_OF_VIEWS =
  'where these views and functions turn a time into a day or an hour, they now use the time zone of the session: set that of the application for its role or database'

/** The lines for people, before the first change. */
export function announcement(
  survey: Survey,
  again: readonly string[],
  sizes: readonly TableSize[],
  times: readonly string[],
): string[] {
  const kept = keptObjects(survey).filter((what) => !again.includes(what))
  const missing = missingTables(survey)
  return [
    `adopting the tables of schema ${survey.schema} in place: ${sizes.map(describeSize).join('; ')}`,
    `their times are read in the time zone ${describeZones(survey.zones)}`,
    ...times,
    PARSERS,
    ...(missing.length > 0
      ? [`the set-up of the old application stopped half-way; created empty: ${missing.join(', ')}`]
      : []),
    ...survey.tables.flatMap((table) =>
      planConstraints(survey, table).refusing.map(
        ({ name, definition }) =>
          `warning: constraint ${name} of the application is dropped, because it refuses statuses that wfstore writes, and the statuses of ${table} are mapped: alter table ${table} add constraint ${name} ${definition}`,
      ),
    ),
    ...(kept.length > 0 ? [`objects of the application that are kept: ${kept.join(', ')}`] : []),
    ...(again.length > 0
      ? [`objects of the application that are created again for the new types: ${again.join(', ')}`]
      : []),
    ...(again.some((what) => /^(view|function) /.test(what)) ? [ZONES_OF_VIEWS] : []),
  ]
}

/** The objects of the application on these tables that adoption does not change. */
function keptObjects(survey: Survey): string[] {
  return survey.tables.flatMap((table) => {
    const { columns, expectedColumns, indexes, triggers } = tableOf(survey, table)
    const { kept, displaced } = planConstraints(survey, table)
    const own = columns.filter(
      ({ name }) => !expectedColumns.some((wanted) => wanted.name === name),
    )
    return [
      ...own.map(({ name }) => `column ${table}.${name}`),
      ...kept.map((own) => {
        const free = displaced.get(own)
        return `constraint ${own.name} on ${table}${free ? `, renamed to ${free}` : ''}`
      }),
      ...indexes
        .filter((index) => !isOldIndex(index))
        .map(({ name }) => `index ${name} on ${table}`),
      ...triggers
        .filter((trigger) => !isOldTrigger(trigger))
        .map(({ name }) => `trigger ${name} on ${table}`),
    ]
  })
}
