/** Disjoint classes, as wfstore keeps them. */
export interface Used {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  reasoning: number
}

/** What the server answers, before it takes the form of an API. */
export interface Answer {
  id: string
  model: string
  text: string
  /** Instead of the text. */
  tool: { id: string; name: string; arguments: string } | undefined
  used: Used
  stream: boolean
}

export type Body = Record<string, unknown>

/** An API of a model provider: what it reads from a request, and the form of its answers. */
export interface Api {
  /** The names of the tools that the request offers. */
  toolsOf: (body: Body) => string[]
  /** The request has the result of a tool. */
  hasResult: (body: Body) => boolean
  /** The classes that this API reports. */
  reports: readonly (keyof Used)[]
  idPrefix: string
  whole: (answer: Answer, body: Body) => object
  /** Server-sent events. */
  events: (answer: Answer, body: Body) => { event?: string; data: object | string }[]
  error: (status: number, message: string) => object
}

const listOf = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : [])

/** The objects of a list in the request, such as its messages. */
export const partsOf = (body: Body, name: string): Body[] => listOf(body[name])

/** The parts of the content of each message. */
export const contentsOf = (messages: readonly Body[]): Body[] =>
  messages.flatMap(({ content }) => listOf(content))
