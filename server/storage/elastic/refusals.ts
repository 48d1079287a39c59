import * as z from 'zod/mini'
import { EpochtreeError } from '../../errors'

export interface Shown {
  /** Address, without secrets. */
  readonly node: string
}
const MOST_SHOWN = 300

const cause = z.object({ type: z.optional(z.string()), reason: z.optional(z.nullable(z.string())) })
const failure = z.object({
  error: z.union([z.string(), z.extend(cause, { root_cause: z.optional(z.array(cause)), caused_by: z.optional(cause) })]),
})

/** What Elasticsearch says about a request or a document that it did not take. */
export interface Reason {
  readonly type: string
  readonly reason: string
}
export function reasonOf(body: unknown): Reason {
  const parsed = failure.safeParse(body)
  if (!parsed.success) return { type: '', reason: '' }
  const { error } = parsed.data
  if (typeof error === 'string') return { type: '', reason: clipped(error) }
  const root = error.root_cause?.[0]
  const said = [root?.reason ?? error.reason, error.caused_by?.reason].filter((one) => typeof one === 'string' && one !== '')
  return { type: root?.type ?? error.type ?? '', reason: clipped(said.join(': ')) }
}

/** Names come from documents: no line breaks or control characters, and not too many. */
export const clipped = (text: string) =>
  text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, MOST_SHOWN)

const TOO_LARGE = Symbol('too large')
/** Whoever asks for less may get it. */
export const isTooLarge = (error: unknown) => error instanceof EpochtreeError && error.cause === TOO_LARGE

interface ClientError {
  readonly name?: string
  readonly message?: string
}

/** Turns what went wrong with a request into a sentence with a remedy. The client's error is not taken along: it holds the request's headers. */
export function refusal(error: unknown, { node }: Shown): unknown {
  if (error instanceof EpochtreeError) return error
  const { name, message = '' } = error as ClientError
  const server = `Elasticsearch at ${node}`
  switch (name) {
    case 'TooLarge':
      return new EpochtreeError(
        'server-damaged',
        `${server} sent a larger answer than it was asked for. Ask for less, or look at the server.`,
        { cause: TOO_LARGE },
      )
    case 'RequestAbortedError':
    case 'AbortError':
      return new EpochtreeError('aborted', 'It was cancelled.')
    case 'TimeoutError':
      return new EpochtreeError(
        'server-away',
        `${server} did not answer in time. Look whether it is overloaded, or whether something between it and here holds the connection; what is here still works.`,
      )
    case 'ConnectionError':
    case 'NoLivingConnectionsError':
      return unreachable(server, message)
    case 'ProductNotSupportedError':
      return new EpochtreeError(
        'server-refused',
        `What answers at ${node} is no Elasticsearch. Look at the host and port of the team's Elasticsearch in the settings.`,
      )
    case 'DeserializationError':
      return new EpochtreeError('server-damaged', `${server} sent an answer that is not JSON. Look whether a proxy answers in its place.`)
    default:
      return new EpochtreeError('failed', `${server}: ${clipped(message)}. \`epochtree doctor\` tells more.`)
  }
}

/** The client keeps of a failed connection only what was said of it. */
function unreachable(server: string, said: string): EpochtreeError {
  if (/certificate has expired|certificate is not yet valid|CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(said))
    return new EpochtreeError(
      'server-refused',
      `The certificate of ${server} is not valid at this time (${clipped(said)}). Have it renewed, or set this machine's clock.`,
    )
  if (/altnames|ALTNAME/.test(said))
    return new EpochtreeError(
      'server-refused',
      `The certificate of ${server} is made out to another host. Use the name that it is made out to as the address.`,
    )
  if (/certificate/i.test(said))
    return new EpochtreeError(
      'server-refused',
      `The certificate of ${server} is signed by nobody whom this machine trusts (${clipped(said)}). Name a file with the certificate of its authority as the team's \`caFile\` for Elasticsearch.`,
    )
  if (/SSL|EPROTO|wrong version number/.test(said))
    return new EpochtreeError(
      'server-refused',
      `${server} does not speak TLS as expected. Look whether its address begins with http:// or https://.`,
    )
  if (/ENOTFOUND|EAI_AGAIN/.test(said))
    return new EpochtreeError('server-away', `The host of ${server} is not known. Look at the network, or at the address in the settings.`)
  const why = said.includes('ECONNREFUSED') ? 'nothing listens there' : clipped(said)
  const tls = /other side closed|socket hang up|ECONNRESET/.test(said) ? ' If it speaks TLS only, its address begins with https://.' : ''
  return new EpochtreeError(
    'server-away',
    `${server} can't be reached (${why}). Look whether it runs and whether the network leads there.${tls} What is here still works.`,
  )
}

/** For the answer to a request, and for what is said of a single document of a bulk request. */
export function refused(server: string, status: number, { type, reason }: Reason, what = 'the request'): EpochtreeError {
  const said = reason ? ` (${reason})` : type ? ` (${type})` : ''
  if (type === 'cluster_block_exception' || reason.includes('read-only'))
    return reason.includes('disk usage exceeded') ||
      reason.includes('read-only-allow-delete') ||
      reason.includes('read-only / allow delete')
      ? new EpochtreeError(
          'disk-full',
          `The disk of ${server} is full, so it only lets documents be read${said}. Free some space there, or add a node: it takes documents again by itself, and what waits here is handed on then.`,
        )
      : new EpochtreeError(
          'server-refused',
          `${server} does not let its documents be changed${said}. Have the block of the index or cluster taken away; what waits here is handed on then.`,
        )
  switch (status) {
    case 401:
      return new EpochtreeError(
        'server-refused',
        `${server} does not know the API key, or the user and password, that it was given, or was given none. Set EPOCHTREE_ELASTIC_API_KEY, or connect to the team again.`,
      )
    case 403:
      return new EpochtreeError(
        'server-refused',
        `${server} does not allow ${what}${rightOf(reason)}. Have the rights \`read\`, \`write\`, \`create_index\`, \`view_index_metadata\` and \`manage\` given for the team's indices and their alias, and \`manage_index_templates\` and \`monitor\` for the cluster.`,
      )
    case 429:
      return new EpochtreeError('team-busy', `${server} has too much to do${said}. Try again later, or ask for less.`)
    case 413:
      return new EpochtreeError(
        'server-refused',
        `${server}, or a proxy before it, does not take requests of this size. Raise the size that it takes (\`http.max_content_length\`).`,
      )
    case 502:
    case 503:
    case 504:
      return new EpochtreeError(
        'server-away',
        `${server} can't answer now (status ${status})${said}. It may be starting, or a part of it is away: try again later.`,
      )
  }
  if (MAPPING.has(type))
    return new EpochtreeError(
      'server-refused',
      `${server} does not take ${what}${said}: its index has another mapping than Epochtree made. Look who changed it, or name another \`prefix\` for the team's indices.`,
    )
  // Elasticsearch names the kind of each error; whoever else answers there, or it at another path, does not.
  if (type === '' && status < 500)
    return new EpochtreeError(
      'server-refused',
      `What answers in the place of ${server} is none (status ${status})${said}. Look at the host, port and path of its address.`,
    )
  return new EpochtreeError('failed', `${server} refuses ${what} with status ${status}${said}. \`epochtree doctor\` tells more.`)
}

const MAPPING = new Set([
  'strict_dynamic_mapping_exception',
  'document_parsing_exception',
  'mapper_parsing_exception',
  'illegal_argument_exception',
])

/** Which right is missing, without who asked for it. */
function rightOf(reason: string): string {
  const [, right] = /action \[([\w:/*-]{1,100})\]/.exec(reason) ?? []
  return right ? ` (the right to do ${right} is missing)` : ''
}
