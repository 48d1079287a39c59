import { EpochtreeError } from '../../errors'
import { trusted } from '../team/certificates'
import type { TeamConfig } from '../team/ports'
import { Http } from './http'
import type { Patience } from './patience'
import { Broken, inWords, NoCredentials, type Place } from './trouble'

const GOOGLE = 'https://storage.googleapis.com'

/** A bucket, and how to get in. */
export interface Connection {
  readonly http: Http
  readonly bucket: string
  readonly prefix: string
  readonly place: Place
  readonly patience: Patience
}

/** Looks at the settings only; nothing is sent. */
export function connect({ bucket, prefix, endpoint, caFile }: TeamConfig['gcs'], patience: Patience): Connection {
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket))
    throw new EpochtreeError('bad-argument', `"${bucket}" is no name of a bucket. Give it alone, without gs:// and without a path.`)
  if (prefix !== '' && !/^[^/\p{C}][^\p{C}]*\/$/u.test(prefix))
    throw new EpochtreeError('bad-argument', `"${prefix}" can't begin the names in a bucket. End it with a slash, such as "models/".`)
  const origin = address(endpoint ?? GOOGLE)
  const place: Place = { bucket, host: origin.host, google: endpoint === undefined }
  const http = new Http({
    origin,
    ca: caFile === undefined || origin.protocol === 'http:' ? undefined : trusted(caFile, 'Google Cloud Storage'),
    proxy: place.google,
    idleMs: patience.idleMs,
    authorize: place.google ? credentials(origin, patience.idleMs) : () => Promise.resolve({}),
  })
  return { http, bucket, prefix, place, patience }
}

function address(text: string): URL {
  const origin = URL.parse(text)
  if (!origin || !/^https?:$/.test(origin.protocol) || origin.pathname !== '/' || origin.search || origin.username || origin.password)
    throw new EpochtreeError(
      'bad-argument',
      'The address of the bucket\'s server is not one. Write it as "https://host" or "http://host:port".',
    )
  return origin
}

/** Google's application default credentials, by the client library: from the environment, from `gcloud`, or of the machine. */
function credentials(origin: URL, mostMs: number) {
  type Client = { getRequestHeaders(url: string): Promise<Headers> }
  let client: Promise<Client> | undefined
  return async (signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>> => {
    client ??= import('@google-cloud/storage').then(
      ({ Storage }) =>
        new Storage({ clientOptions: { transporterOptions: { timeout: mostMs } } as object }).authClient as unknown as Client,
    )
    const headers = client.then((auth) => auth.getRequestHeaders(origin.href))
    try {
      return Object.fromEntries(await within(headers, mostMs, signal))
    } catch (error) {
      // The next try looks for credentials anew: somebody may have logged in meanwhile.
      client = undefined
      throw noToken(error)
    }
  }
}

/** Library and Google both may take their time; nobody waits longer than this. */
async function within<Result>(work: Promise<Result>, ms: number, signal: AbortSignal | undefined): Promise<Result> {
  let end: (() => void) | undefined
  const limit = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Broken('ETIMEDOUT')), ms)
    const abort = () => reject(new EpochtreeError('aborted', 'It was cancelled.'))
    signal?.addEventListener('abort', abort, { once: true })
    end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    end?.()
  }
}

/** What the library says may hold a part of a key file, so only its kind is told. */
function noToken(error: unknown): Error {
  if (error instanceof EpochtreeError || error instanceof Broken) return error
  const { message = '', code, status } = error as { message?: string; code?: string | number; status?: number }
  const login =
    'Run `gcloud auth application-default login`, or name the key file of a service account in GOOGLE_APPLICATION_CREDENTIALS; on a machine of Google Cloud, give its service account the role.'
  if (/default credentials/i.test(message)) return new NoCredentials(`There are no credentials for Google Cloud Storage here. ${login}`)
  if (/invalid_(grant|rapt|client)|reauth/i.test(message))
    return new NoCredentials(`The credentials for Google Cloud Storage that are found here are no longer valid. ${login}`)
  if (typeof code === 'string' && /^E[A-Z_]+$/.test(code) && !/^(ENOENT|EACCES|ERR_(OSSL|CRYPTO)_.*)$/.test(code)) return new Broken(code)
  if (/abort|timeout|timed out/i.test(message)) return new Broken('ETIMEDOUT')
  return new NoCredentials(
    `The credentials for Google Cloud Storage that are found here can't be used${status ? ` (status ${status})` : ''}. ${login}`,
  )
}

/** Runs a piece of work against the bucket; what goes wrong with it comes as a sentence. */
export async function saying<Result>({ place }: Connection, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (signal?.aborted) throw new EpochtreeError('aborted', 'It was cancelled.')
    throw inWords(error, place)
  }
}
