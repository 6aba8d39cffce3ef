import type pg from 'pg'
import { readAttached } from './attached.ts'
import type { Obstacle } from './obstacles.ts'
import { readPolicies } from './policies.ts'
import type { Recreated } from './recreated.ts'
import { rehearse } from './rehearsal.ts'
import type { Survey } from './survey.ts'
import { readViews } from './views.ts'

export interface Recreation {
  /** In the order in which they can be created. */
  objects: Recreated[]
  /** Before the change. */
  drop: string[]
  /** After the change. */
  create: string[]
}

/**
 * Drops the objects of the application that PostgreSQL would refuse the change for, and creates them again for the new
 * types: name, text, owner, privileges, options and comments are the same.
 */
export async function readRecreation(client: pg.Client, survey: Survey): Promise<Recreation> {
  const { views, drop, rest } = await readViews(client, survey)
  const attached = await readAttached(client, survey)
  const policies = await readPolicies(client, survey)
  const objects = [...views, ...attached, ...policies]
  return {
    objects,
    drop: [
      ...policies.map((object) => object.drop),
      ...(attached.length > 0 ? emptying(attached.toReversed().map((object) => object.drop)) : []),
      ...drop,
    ],
    create: [...objects.flatMap(({ create }) => create), ...rest],
  }
}

/** The check of bodies would refuse an empty one. */
const emptying = (statements: string[]): string[] => [
  'set local check_function_bodies = off',
  ...statements,
  'set local check_function_bodies = on',
]

/** Objects that this role may not create again, or that have no meaning for the new types. */
export async function recreationObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const { objects } = await readRecreation(client, survey)
  const foreign = objects
    .filter(({ ours }) => !ours)
    .map(({ what, owner }) => ({
      what: `${what} belongs to role ${owner}, and adoption must create it again for the new types`,
      fix: `run it as a superuser, or as a member of ${owner} that may create in its schema`,
    }))
  const tried = objects.filter(({ ours, rehearsal }) => ours && rehearsal !== null)
  const failures = tried.length === 0 ? [] : await rehearse(client, survey, tried)
  return [
    ...foreign,
    ...failures.map(({ what, failure }) => ({
      what: `${what} cannot be created again for the new types: ${failure}`,
    })),
  ]
}
