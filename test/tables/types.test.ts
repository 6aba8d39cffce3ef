import { expectTypeOf, it } from 'vitest'
import type {
  Count,
  Execution,
  ExecutionStatus,
  NewExecution,
  NewStep,
  Step,
  StepPatch,
} from '../../src/index.ts'

it('a new row requires what the table has no value for, and takes nothing that only wfstore writes', () => {
  const execution: NewExecution = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
  execution.endTime = null
  // @ts-expect-error modelId is required
  expectTypeOf<NewExecution>({ workflowName: 'w', userId: 'u', mode: 'm' })
  expectTypeOf<NewExecution>().not.toHaveProperty('createdAt')
  expectTypeOf<NewExecution['status']>().toEqualTypeOf<ExecutionStatus | undefined>()
  expectTypeOf<NewStep>().toHaveProperty('executionId').toEqualTypeOf<string>()
  expectTypeOf<NewStep['cost']>().toEqualTypeOf<string | number | undefined>()
})

it('a patch changes every field but the key', () => {
  expectTypeOf<StepPatch>().not.toHaveProperty('stepId')
  expectTypeOf<StepPatch>().not.toHaveProperty('executionId')
  expectTypeOf<StepPatch['tokensInput']>().toEqualTypeOf<number | null | undefined>()
})

it('a row has null only where its column can be null', () => {
  expectTypeOf<Execution['totalCost']>().toEqualTypeOf<string>()
  expectTypeOf<Execution['endTime']>().toEqualTypeOf<string | null>()
  expectTypeOf<Step['tokensCacheRead']>().toEqualTypeOf<Count | null>()
})
