import { WfstoreError } from '../../../error.ts'
import { formatNumber } from '../../../numbers.ts'

/**
 * The most messages of protobuf, or objects, arrays and keys of JSON, in a body. 20 MiB of real spans have at most half of it. A
 * body that has nothing else would take a gigabyte of memory.
 */
export const MOST_PARTS = 3_000_000

export const tooManyParts = () =>
  new WfstoreError('usage', `the body has more than ${formatNumber(MOST_PARTS)} values`, {
    hint: 'send fewer spans in a request',
  })
