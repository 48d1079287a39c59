import {
  MongoCompatibilityError,
  MongoMissingCredentialsError,
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoClientClosedError,
  MongoNotConnectedError,
  MongoExpiredSessionError,
} from 'mongodb'
import { EpochtreeError } from '../../errors'

const DUPLICATE = 11000

/** As the server said it, or in our words. FerretDB on SQLite says it of an update as the database below does. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof MongoServerError
    ? error.code === DUPLICATE || (error.code === 1 && error.message.includes('UNIQUE constraint failed'))
    : error instanceof EpochtreeError && isDuplicate(error.cause)

/** What a server that is stepping down, shutting down or not yet chosen says. */
const NOT_NOW = new Set([6, 7, 89, 91, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436])

/** A question that may be asked again as it is, on another connection. */
export const isPassing = (error: unknown) =>
  (error instanceof MongoNetworkError && !tlsProblem(error)) ||
  error instanceof MongoTopologyClosedError ||
  error instanceof MongoClientClosedError ||
  error instanceof MongoNotConnectedError ||
  error instanceof MongoExpiredSessionError ||
  (error instanceof MongoServerError && NOT_NOW.has(Number(error.code))) ||
  // Now and then the driver gives what the system says as it is.
  LOST.has(String((error as { code?: unknown }).code))

const LOST = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTCONN', 'ERR_SOCKET_CLOSED', 'ERR_STREAM_DESTROYED'])

/** No server was found, or no connection to it: the client's own search may be over for good, so it is made anew. */
export const isNoServer = (error: unknown) =>
  error instanceof MongoServerSelectionError ||
  error instanceof MongoOperationTimeoutError ||
  (error instanceof Error && error.name === 'MongoWaitQueueTimeoutError')

/** By name: the parser of addresses has errors of its own. */
const NO_ADDRESS = new Set(['MongoParseError', 'MongoInvalidArgumentError', 'MongoAPIError'])

const away = (text: string, cause?: unknown) =>
  new EpochtreeError('server-away', `${text} What is here goes on; try again, or look at \`epochtree doctor\`.`, { cause })
const refused = (text: string, cause?: unknown) => new EpochtreeError('server-refused', text, { cause })

export const tooLong = (hosts: string, seconds: number) => away(`MongoDB at ${hosts} did not answer within ${seconds} s.`)

/** Names what the driver reports in words that tell what to do. No secret is ever part of them. */
export function mongoError(error: unknown, hosts: string): EpochtreeError {
  if (error instanceof EpochtreeError) return error
  const tls = tlsProblem(error)
  if (tls) return refused(`The certificate of MongoDB at ${hosts} is not trusted: ${tls}`, error)
  if (error instanceof MongoServerError) return serverError(error, hosts)
  if (error instanceof MongoCompatibilityError)
    return refused(`MongoDB at ${hosts} is too old for this client. Take MongoDB 4.2 or later.`, error)
  if (error instanceof MongoMissingCredentialsError) return noLogin(error, hosts)
  if (NO_ADDRESS.has((error as Error).name))
    return refused(
      'The address of MongoDB, or an option after its ?, is none. Write mongodb://HOST:PORT or mongodb+srv://HOST, and look at the options.',
      error,
    )
  const code = codeOf(error)
  if (isLookup(error)) return away(`The host of MongoDB, ${hosts}, is not known. Check its name and the network.`, error)
  if (code === 'ECONNREFUSED') return away(`Nothing answers at ${hosts}. Check the address of MongoDB, and that it runs.`, error)
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO')
    return refused(`MongoDB at ${hosts} does not speak TLS. Write ?tls=false after its address.`, error)
  if (messageOf(error).includes('before secure TLS connection'))
    return away(
      `${hosts} ended the connection before TLS was spoken. Check that it is MongoDB, and whether it speaks TLS: if not, write ?tls=false after its address.`,
      error,
    )
  // Found while connecting: the server was there and said no.
  const inner = serverErrorIn(error)
  if (inner) return serverError(inner, hosts)
  if (isNoServer(error))
    return away(
      code === 'ECONNRESET' || /^connection .* closed$/m.test(messageOf(error))
        ? `${hosts} ends each connection. Check that it is MongoDB, and whether it wants TLS: then write ?tls=true after its address.`
        : `MongoDB at ${hosts} does not answer.`,
      error,
    )
  if (isPassing(error)) return away(`The connection to MongoDB at ${hosts} was lost.`, error)
  return new EpochtreeError('failed', `MongoDB at ${hosts} reports: ${clip((error as Error).message ?? String(error))}`, { cause: error })
}

const noLogin = (error: Error, hosts: string) =>
  refused(
    `MongoDB at ${hosts} asks for a user and a password. Give both: run "Epochtree: Connect to Team...", or write them into EPOCHTREE_MONGO_URI.`,
    error,
  )

function serverError(error: MongoServerError, hosts: string): EpochtreeError {
  const code = Number(error.code)
  switch (code) {
    case 18:
    case 8000:
      return refused(
        `MongoDB at ${hosts} does not know that user with that password. Give others: run "Epochtree: Connect to Team...".`,
        error,
      )
    case 13:
      if (/requires authentication/i.test(error.message)) return noLogin(error, hosts)
      return refused(
        `The user of MongoDB at ${hosts} may not do this (${clip(error.message)}). Give it the role readWrite on the team's database, or read to only look.`,
        error,
      )
    case 14031:
      return refused(`The disk of MongoDB at ${hosts} is full. Free some space there; what is here is handed on then.`, error)
    case 50:
      return away(`MongoDB at ${hosts} needs too long for the answer.`, error)
    case 64:
    case 79:
    case 100:
      return away(`MongoDB at ${hosts} could not keep a write in most of its replicas.`, error)
    case 59:
    case 115:
    case 238:
      return refused(`MongoDB at ${hosts} can't do what is needed (${clip(error.message)}). Take MongoDB 4.2 or later.`, error)
    default:
      if (NOT_NOW.has(code)) return away(`MongoDB at ${hosts} has no primary now.`, error)
      return new EpochtreeError('server-refused', `MongoDB at ${hosts} refused: ${clip(error.message)}`, { cause: error })
  }
}

const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired. Renew it.',
  CERT_NOT_YET_VALID: 'it is not valid yet. Check the clocks of both machines.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself. Name a file with that certificate (caFile).',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody known has signed it. Name a file with the certificate that did (caFile).',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody known has signed it. Name a file with the certificate that did (caFile).',
  UNABLE_TO_GET_ISSUER_CERT: 'nobody known has signed it. Name a file with the certificate that did (caFile).',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'nobody known has signed it. Name a file with the certificate that did (caFile).',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is that of another host. Check the name of the host in the address.',
  CERT_REVOKED: 'it was revoked. Renew it.',
}

function tlsProblem(error: unknown): string | undefined {
  const code = codeOf(error)
  return code !== undefined && Object.hasOwn(CERTIFICATE, code) ? CERTIFICATE[code] : undefined
}

/** The error and those that led to it, servers' own among them. */
function* causes(error: unknown, depth = 0): Generator {
  if (typeof error !== 'object' || error === null || depth > 8) return
  yield error
  const { cause, errors } = error as { cause?: unknown; errors?: unknown }
  yield* causes(cause, depth + 1)
  if (Array.isArray(errors)) for (const one of errors) yield* causes(one, depth + 1)
  // What a search for servers ended with: what it knows of each.
  const servers = (error as { reason?: { servers?: unknown } }).reason?.servers
  if (servers instanceof Map) for (const server of servers.values()) yield* causes((server as { error?: unknown }).error, depth + 1)
}

function codeOf(error: unknown): string | undefined {
  for (const one of causes(error)) {
    const { code } = one as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return undefined
}

/** Names are looked up by the system, and those of mongodb+srv by Node, whose answers have many codes where there is no network. */
const isLookup = (error: unknown) =>
  [...causes(error)].some((one) => /^(getaddrinfo|query)/.test(String((one as NodeJS.ErrnoException).syscall)))

const messageOf = (error: unknown) => [...causes(error)].map((one) => (one as Error).message).join('\n')

function serverErrorIn(error: unknown): MongoServerError | undefined {
  for (const one of causes(error)) if (one instanceof MongoServerError) return one
  return undefined
}

export const clip = (text: string) => (text.length > 300 ? `${text.slice(0, 299)}…` : text)
