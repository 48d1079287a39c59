import { EpochtreeError, explain } from '../../errors'

/** What a server said instead of doing what it was asked. */
export class Refusal extends Error {
  readonly status: number
  readonly said: string
  constructor(status: number, said: string) {
    super(`status ${status}`)
    this.status = status
    this.said = said
  }
}
/** A connection that failed, or an answer that broke off. */
export class Broken extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}
/** No credentials, or none that Google takes. */
export class NoCredentials extends Error {}

const BUSY = new Set([408, 429, 500, 502, 503, 504])
/** Nobody takes the connection. */
const UNREACHED = ['EAI_AGAIN', 'ECONNREFUSED', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH']
const AWAY = new Set([...UNREACHED, 'ECONNABORTED', 'ECONNRESET', 'ENETRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'])

/** Whether the same may go well when it is tried again. */
export const passes = (error: unknown) => (error instanceof Refusal ? BUSY.has(error.status) : AWAY.has(codeOf(error)))
/** Whether there is nobody who could be busy. */
export const isUnreached = (error: unknown) => UNREACHED.includes(codeOf(error))
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? ''

export interface Place {
  readonly bucket: string
  /** Host and port. */
  readonly host: string
  /** Google's own server. */
  readonly google: boolean
}

/** Whatever went wrong, as a sentence that names the remedy. Nothing of what a library said is repeated: it may hold secrets. */
export function inWords(error: unknown, { bucket, host, google }: Place): EpochtreeError {
  if (error instanceof EpochtreeError) return error
  const server = google ? 'Google Cloud Storage' : `The server of the bucket at ${host}`
  if (error instanceof NoCredentials) return new EpochtreeError('server-refused', error.message)
  if (error instanceof Refusal) return refused(error, server, bucket, google)
  const { code = '', syscall, path } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND')
    return new EpochtreeError(
      'server-away',
      `There is no host ${host}, or no network. Look at the address of the bucket's server, and at the connection.`,
    )
  if (AWAY.has(code))
    return new EpochtreeError(
      'server-away',
      `${server} can't be reached (${code}). Look at the network${google ? '' : ' and at its address'}; what is here is kept, and brought there later.`,
    )
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return new EpochtreeError(
      'server-refused',
      `The certificate of ${host} is not valid now (${code}). Have it renewed, and look at this machine's clock.`,
    )
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new EpochtreeError('server-refused', `The certificate at ${host} is for another host. Use the name that stands in it.`)
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return new EpochtreeError(
      'server-refused',
      `The certificate of ${host} is not trusted here (${code}). Name the file with your authority's certificate as caFile.`,
    )
  if (/^ERR_SSL|^EPROTO|^HPE_/.test(code))
    return new EpochtreeError(
      'server-refused',
      `What answers at ${host} does not speak the protocol of a bucket (${code}). Look at the port, and at http or https before it.`,
    )
  return path !== undefined || (syscall !== undefined && code !== '')
    ? explain(error)
    : new EpochtreeError(
        'server-damaged',
        `${server} can't be made sense of (${code || (error as Error).name}). Look at its address, then try again.`,
      )
}

function refused({ status, said }: Refusal, server: string, bucket: string, google: boolean): EpochtreeError {
  const words = said ? `: ${said}` : ''
  if (status === 401)
    return new EpochtreeError(
      'server-refused',
      google
        ? 'Google Cloud Storage does not take the credentials that are found here. Get new ones with `gcloud auth application-default login`, or name the key file of a service account in GOOGLE_APPLICATION_CREDENTIALS.'
        : `${server} asks for credentials, and none are sent to other servers than Google's${words}.`,
    )
  if (status === 403)
    return new EpochtreeError(
      'server-refused',
      `This is not allowed in the bucket ${bucket}${words}. Ask for the role Storage Object User (roles/storage.objectUser) on it.`,
    )
  if (status === 404) return noBucket(bucket, server)
  if (BUSY.has(status))
    return new EpochtreeError('server-away', `${server} is too busy, or out of order (status ${status}${words}). It is tried again later.`)
  return new EpochtreeError(
    'server-refused',
    `${server} refused a request for the bucket ${bucket} (status ${status}${words}). Look at the bucket's name${google ? '' : ', and whether its server is at that address'}.`,
  )
}

export const noBucket = (bucket: string, server: string) =>
  new EpochtreeError(
    'server-refused',
    `${server} has no bucket ${bucket}. Look at its name, or make it, for example with \`gcloud storage buckets create gs://${bucket}\`.`,
  )
