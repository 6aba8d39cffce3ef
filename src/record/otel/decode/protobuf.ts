import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { MOST_PARTS, tooManyParts } from './limits.ts'
import { MESSAGES, type MessageField, type MessageName, type ScalarType } from './messages.ts'

/** A message with the names of OTLP/JSON: ids are hexadecimal, other bytes base64, int64 and fixed64 are bigint. */
export type Decoded = Record<string, unknown>

/**
 * A value has at most three messages for each level, so no value that is accepted is deeper. What is deeper is left out:
 * its value is refused before that.
 */
const MOST_DEPTH = 400

const VARINT = 0
const BIT64 = 1
const LENGTH = 2
const BIT32 = 5
const WIRE_TYPES: Readonly<Record<ScalarType, number>> = {
  string: LENGTH,
  bytes: LENGTH,
  id: LENGTH,
  bool: VARINT,
  int32: VARINT,
  int64: VARINT,
  double: BIT64,
  fixed64: BIT64,
  fixed32: BIT32,
}
const SCALARS: Readonly<Record<string, number | undefined>> = WIRE_TYPES
const isScalar = (type: MessageField['type']): type is ScalarType => SCALARS[type] !== undefined
const wireTypeOf = ({ type }: MessageField) => SCALARS[type] ?? LENGTH

/** A message that is read, and how many messages have been read in it. */
interface Reading {
  reader: BinaryReader
  messages: number
}

/** The parser is loaded for the first body in protobuf: most processes never receive one. */
const library = () => import('@bufbuild/protobuf/wire')

/** @throws what the parser says of damaged bytes; WfstoreError `usage` for too many messages */
export async function readMessage(bytes: Uint8Array, name: MessageName): Promise<Decoded> {
  const { BinaryReader } = await library()
  return read({ reader: new BinaryReader(bytes), messages: 0 }, bytes.length, name, 0)
}

function read(reading: Reading, end: number, name: MessageName, depth: number): Decoded {
  const { reader } = reading
  const message = MESSAGES[name]
  const decoded: Decoded = {}
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    const field = message[number]
    if (field === undefined || wireTypeOf(field) !== wireType) {
      reader.skip(wireType, number)
      continue
    }
    const value = isScalar(field.type)
      ? scalar(reader, field.type)
      : inner(reading, field.type, depth + 1)
    if (!field.repeated) decoded[field.name] = value
    else if (decoded[field.name] === undefined) decoded[field.name] = [value]
    else (decoded[field.name] as unknown[]).push(value)
  }
  if (reader.pos !== end) throw new RangeError('a field is longer than its message')
  return decoded
}

function inner(reading: Reading, name: MessageName, depth: number): Decoded {
  const { reader } = reading
  if (++reading.messages > MOST_PARTS) throw tooManyParts()
  const length = reader.uint32()
  const end = reader.pos + length
  if (depth <= MOST_DEPTH) return read(reading, end, name, depth)
  reader.pos = end
  return {}
}

function scalar(reader: BinaryReader, type: ScalarType): unknown {
  if (type === 'id') return bufferOf(reader.bytes()).toString('hex')
  if (type === 'bytes') return bufferOf(reader.bytes()).toString('base64')
  return reader[type]()
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** The bytes of a message, with the names of OTLP/JSON. */
export async function writeMessage(name: MessageName, message: Decoded): Promise<Uint8Array> {
  const { BinaryWriter } = await library()
  const writer = new BinaryWriter()
  write(writer, name, message)
  return writer.finish()
}

function write(writer: BinaryWriter, name: MessageName, message: Decoded): void {
  for (const [number, field] of Object.entries(MESSAGES[name])) {
    const value = message[field.name]
    if (value === undefined) continue
    for (const one of field.repeated ? (value as unknown[]) : [value]) {
      writer.tag(Number(number), wireTypeOf(field))
      if (isScalar(field.type)) writeScalar(writer, field.type, one)
      else {
        writer.fork()
        write(writer, field.type, one as Decoded)
        writer.join()
      }
    }
  }
}

function writeScalar(writer: BinaryWriter, type: ScalarType, value: unknown): void {
  if (type === 'id') writer.bytes(Buffer.from(value as string, 'hex'))
  else if (type === 'bytes') writer.bytes(Buffer.from(value as string, 'base64'))
  else if (type === 'string') writer.string(value as string)
  else if (type === 'bool') writer.bool(value as boolean)
  else if (type === 'int64' || type === 'fixed64') writer[type](value as bigint)
  else writer[type](value as number)
}
