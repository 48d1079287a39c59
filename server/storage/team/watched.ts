import { EpochtreeError } from '../../errors'
import type { ServerName } from './ports'
import { onlyReads } from './rights'

/** One of a team's servers, as it was last seen. */
export interface ServerState {
  readonly name: ServerName
  /** Away: nobody answers; refused: it answers, and lets nobody in, or can't be used; reads: nothing can be written there from here. */
  readonly state: 'ok' | 'away' | 'refused' | 'reads'
  /** Seconds since 1970. */
  readonly since: number
  /** What is wrong and how to mend it; null where nothing is. */
  readonly message: string | null
}
/** Whether nothing can be asked there. */
export const isMissed = (one: Pick<ServerState, 'state'> | undefined) => one?.state === 'away' || one?.state === 'refused'
export const SERVERS: readonly ServerName[] = ['MongoDB', 'Elasticsearch', 'Google Cloud Storage']

const STATES: Partial<Record<string, ServerState['state']>> = {
  'server-away': 'away',
  'server-refused': 'refused',
  'server-damaged': 'refused',
}

/** Methods of a port that answer part by part. */
type Streams<Port> = {
  [Name in keyof Port & string]: Port[Name] extends (...args: never[]) => AsyncIterable<unknown> ? Name : never
}[keyof Port & string]

/** What the answers of a team's servers tell about them. */
export class Watched {
  readonly #states = new Map<ServerName, ServerState>()
  /** Errors that were told of one server are none of the other that handed them on. */
  readonly #told = new WeakSet<Error>()
  readonly #changed: (state: ServerState) => void
  readonly #elsewhere: () => readonly ServerState[]
  /** When each answered last. */
  readonly #answered = new Map<ServerName, number>()

  /** `elsewhere` tells what other processes know by now of servers that are away. */
  constructor(
    changed: (state: ServerState) => void = () => {},
    before: readonly ServerState[] = [],
    elsewhere: () => readonly ServerState[] = () => [],
  ) {
    this.#changed = changed
    this.#elsewhere = elsewhere
    for (const one of before) this.#states.set(one.name, one)
  }

  get states(): readonly ServerState[] {
    return SERVERS.flatMap((name) => this.#states.get(name) ?? [])
  }

  /** Undefined where it was never asked. */
  state(name: ServerName): ServerState | undefined {
    return this.#states.get(name)
  }

  /** `missing` are rights, where it was asked for these: that it lets itself be read says nothing of them. */
  answered(name: ServerName, missing?: readonly string[]) {
    this.#answered.set(name, Date.now() / 1000)
    if (missing === undefined && this.#states.get(name)?.state === 'reads') return
    if (missing?.length) this.#note(name, 'reads', onlyReads(name, missing))
    else this.#note(name, 'ok', null)
  }

  failed(name: ServerName, error: unknown) {
    if (!(error instanceof EpochtreeError)) return
    const state = STATES[error.code]
    if (state === undefined || this.#told.has(error) || (error.cause instanceof Error && this.#told.has(error.cause))) return
    this.#told.add(error)
    this.#note(name, state, error.message)
  }

  #note(name: ServerName, state: ServerState['state'], message: string | null) {
    const before = this.#states.get(name)
    if (before?.state === state && before.message === message) return
    // The words may change while it stays away.
    const since = before?.state === state ? before.since : this.#since(name, state)
    const now = { name, state, since, message }
    this.#states.set(name, now)
    this.#changed(now)
  }

  /** Another process may have noticed first; but what it noted before the server answered here is over. */
  #since(name: ServerName, state: ServerState['state']): number {
    const seen = state === 'ok' ? undefined : this.#elsewhere().find((one) => one.name === name && one.state === state)
    return seen && seen.since > (this.#answered.get(name) ?? Number.NEGATIVE_INFINITY) ? seen.since : Date.now() / 1000
  }

  /**
   * A port that is opened with its first question, and whose answers are noted. `streams` names the methods that answer with one part after another;
   * `here` those that ask no server.
   */
  port<Port extends object>(
    name: ServerName,
    open: () => Promise<Port>,
    { streams = [], here = [] }: { readonly streams?: readonly Streams<Port>[]; readonly here?: readonly (keyof Port & string)[] } = {},
  ): Port & { close(): Promise<void> } {
    let opened: Promise<Port> | undefined
    const port = () =>
      (opened ??= open().catch((error: unknown) => {
        opened = undefined
        throw error
      }))
    const answers = () => this.answered(name)
    const noted = async <Answer>(work: () => Promise<Answer>, answered: (answer: Answer) => void): Promise<Answer> => {
      try {
        const answer = await work()
        answered(answer)
        return answer
      } catch (error) {
        this.failed(name, error)
        throw error
      }
    }
    const call = async (method: string, args: readonly unknown[]) => {
      const one = (await port()) as Record<string, (...args: readonly unknown[]) => unknown>
      return one[method]!(...args)
    }
    const stream = async function* (method: string, args: readonly unknown[]) {
      const parts = ((await call(method, args)) as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const { done, value } = await noted(() => parts.next(), answers)
          if (done) return
          yield value
        }
      } finally {
        await parts.return?.()
      }
    }
    return new Proxy({} as Port & { close(): Promise<void> }, {
      get: (_, method) => {
        if (typeof method !== 'string' || method === 'then') return undefined
        if (method === 'close')
          return async () => {
            const one = await opened?.catch(() => undefined)
            opened = undefined
            await (one as { close?: () => Promise<void> } | undefined)?.close?.()
          }
        if ((streams as readonly string[]).includes(method)) return (...args: readonly unknown[]) => stream(method, args)
        const answered = (answer: unknown) => {
          if ((here as readonly string[]).includes(method)) return
          this.answered(name, method === 'missingRights' ? (answer as readonly string[]) : undefined)
        }
        return (...args: readonly unknown[]) => noted(() => call(method, args), answered)
      },
    })
  }
}
