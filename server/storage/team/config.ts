import { readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import * as z from 'zod/mini'
import { EpochtreeError } from '../../errors'
import { mayHaveTeam } from './mayHave'
import type { TeamConfig } from './ports'

type Environment = Readonly<Record<string, string | undefined>>

/** Where a team's servers are, as files and settings say it: without secrets. */
export interface TeamSettings {
  readonly mode?: 'local' | 'team' | undefined
  readonly mongo?: { readonly uri: string; readonly database?: string | undefined; readonly caFile?: string | undefined } | undefined
  readonly elastic?: { readonly node: string; readonly prefix?: string | undefined; readonly caFile?: string | undefined } | undefined
  readonly gcs?:
    | {
        readonly bucket: string
        readonly prefix?: string | undefined
        readonly endpoint?: string | undefined
        readonly caFile?: string | undefined
      }
    | undefined
}
/** What a person gave the editor to keep, each with the address that it was given for (`addressOf`): nobody else gets it. */
export interface TeamSecrets {
  readonly mongo?:
    | {
        readonly for: string
        readonly username?: string | undefined
        readonly password?: string | undefined
        /** Certificates that the person chose for that address. */
        readonly caFile?: string | undefined
      }
    | undefined
  readonly elastic?:
    | {
        readonly for: string
        readonly apiKey?: string | undefined
        readonly username?: string | undefined
        readonly password?: string | undefined
        readonly caFile?: string | undefined
      }
    | undefined
}
/** What an editor hands in, of a workspace that is trusted. */
export interface GivenTeam {
  /** What holds, wherever it is set. */
  readonly settings?: unknown
  /** What people set for themselves or for this machine. Who is named here may be sent what the environment keeps secret. */
  readonly own?: unknown
  readonly secrets?: TeamSecrets | undefined
}
export interface TeamSources extends GivenTeam {
  /** The text of `.epochtree/config.json`. */
  readonly file?: string | undefined
  /** Paths in that file are relative to this. */
  readonly dir: string
  readonly env: Environment
}

const LARGEST_FILE = 64 * 1024

export { mayHaveTeam }

/** The team of a folder; undefined where it has none. */
export function readTeam(dir: string, env: Environment = process.env, given: GivenTeam = {}): TeamConfig | undefined {
  if (!mayHaveTeam(dir, env, given)) return undefined
  return teamConfig({ ...given, dir, env, file: readConfig(dir) })
}

function readConfig(dir: string): string | undefined {
  const path = join(dir, 'config.json')
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat && !stat.isFile()) throw wrong(`${path} is no file`, 'Put one there, or take it away: then this folder has no team.')
  if (stat && stat.size > LARGEST_FILE) throw wrong(`${path} is larger than 64 KiB`, 'It holds a few lines: write it anew.')
  return stat && readFileSync(path, 'utf8')
}

/** What a folder's own file says about its team; fails where it can't be read. */
export function readTeamFile(dir: string): TeamSettings | undefined {
  const content = readConfig(dir)
  return content === undefined ? undefined : fromFile(content, join(dir, 'config.json'))
}

/** Refuses what a folder's own file may not say; `where` names it. */
export function checkStore(settings: TeamSettings, where: string) {
  teamConfig({ dir: '.', env: {}, settings: parsed(store, settings, where) })
}

const wrong = (what: string, remedy: string) => new EpochtreeError('bad-argument', `${what}. ${remedy}`)

const text = z.string().check(z.minLength(1), z.maxLength(2000))
const maybe = z.exactOptional(text)
const mongo = z.strictObject({ uri: text, database: maybe, caFile: maybe })
const elastic = z.strictObject({ node: text, prefix: maybe, caFile: maybe })
const gcs = z.strictObject({ bucket: text, prefix: z.exactOptional(z.string().check(z.maxLength(1000))), endpoint: maybe, caFile: maybe })
const store = z.strictObject({
  mode: z.exactOptional(z.enum(['local', 'team'])),
  mongo: z.exactOptional(mongo),
  elastic: z.exactOptional(elastic),
  gcs: z.exactOptional(gcs),
})
const configFile = z.strictObject({ $schema: z.exactOptional(z.string()), store: z.exactOptional(store) })

/** What a key that holds a secret is called, and the variable that it belongs into. */
const SECRET_KEYS: Readonly<Record<string, string>> = {
  'mongo.username': 'EPOCHTREE_MONGO_USERNAME',
  'mongo.user': 'EPOCHTREE_MONGO_USERNAME',
  'mongo.password': 'EPOCHTREE_MONGO_PASSWORD',
  'elastic.apiKey': 'EPOCHTREE_ELASTIC_API_KEY',
  'elastic.username': 'EPOCHTREE_ELASTIC_USERNAME',
  'elastic.user': 'EPOCHTREE_ELASTIC_USERNAME',
  'elastic.password': 'EPOCHTREE_ELASTIC_PASSWORD',
  'gcs.credentials': 'GOOGLE_APPLICATION_CREDENTIALS',
  'gcs.keyFile': 'GOOGLE_APPLICATION_CREDENTIALS',
  'gcs.keyFilename': 'GOOGLE_APPLICATION_CREDENTIALS',
}

/** Reads what a file or the editor's settings say; `where` names them, `at` the key they begin with. */
function parsed<Schema extends z.ZodMiniType>(schema: Schema, value: unknown, where: string, at = ''): z.output<Schema> {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  const { path, code, ...issue } = found.error.issues[0]!
  const keys = 'keys' in issue ? issue.keys : []
  const key = [...(at ? [at] : []), ...path.map(String), ...keys.slice(0, 1)].join('.')
  const variable = SECRET_KEYS[key.replace(/^store\./, '')]
  if (variable) throw secretIn(where, key, variable)
  if (code === 'unrecognized_keys')
    throw wrong(`${where} has a key "${key.slice(0, 100)}" that nothing is known of`, 'Take it away, or look at docs/team.md for its name.')
  throw wrong(`${where}: ${key || 'its content'} is not as it should be (${issue.message})`, 'docs/team.md shows what belongs there.')
}

const secretIn = (where: string, key: string, variable: string) =>
  wrong(
    `${where} holds a secret in ${key}, where others can read it`,
    `Take it away there, and set ${variable}, or use "Epochtree: Connect to Team..." in the editor, which keeps it with the system's secrets.`,
  )

/** One server's address, with who named it. */
interface Named<Settings> {
  readonly value: Settings
  /** The environment or the user's own settings, not a file that may have come with a clone. */
  readonly own: boolean
  readonly where: string
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/**
 * A folder's team out of all that may name one; undefined where nothing says that it has one. The environment counts before the editor's settings, and
 * those before the folder's file. Secrets of the environment go only to addresses that the environment or the user's own settings name, or on this
 * machine; those that the editor keeps, only where they were given for. A file alone never decides who gets them.
 */
export function teamConfig({ file, dir, env, settings, own, secrets }: TeamSources): TeamConfig | undefined {
  const wanted = env['EPOCHTREE_STORE']
  if (wanted === 'local') return undefined
  if (wanted !== undefined && wanted !== 'team' && wanted !== '')
    throw wrong(`EPOCHTREE_STORE is "${wanted.slice(0, 60)}"`, 'It is local or team: set one of them, or unset it.')
  const path = join(dir, 'config.json')
  const inFile = file === undefined ? undefined : fromFile(file, path)
  const inEditor = settings === undefined ? undefined : parsed(store, settings, 'The setting epochtree.store')
  const ofUser = own === undefined ? undefined : parsed(store, own, 'The setting epochtree.store')
  if ((wanted || inEditor?.mode || inFile?.mode) !== 'team') return undefined
  const choose = <Key extends 'mongo' | 'elastic' | 'gcs'>(key: Key): Named<NonNullable<TeamSettings[Key]>> | undefined => {
    const editor = inEditor?.[key]
    // The user's own settings name an address that the workspace may repeat.
    if (editor) return { value: editor, own: sameAddress(key, editor, ofUser?.[key]), where: `The setting epochtree.store.${key}` }
    const named = inFile?.[key]
    return named && { value: named, own: sameAddress(key, named, ofUser?.[key]), where: path }
  }
  const named = { mongo: choose('mongo'), elastic: choose('elastic'), gcs: choose('gcs') }
  checkNamed(named, env)
  const caFile = env['EPOCHTREE_CA_FILE']
  return {
    mongo: mongoConfig(named.mongo, { env, dir, caFile, secrets }),
    elastic: elasticConfig(named.elastic, { env, dir, caFile, secrets }),
    gcs: gcsConfig(named.gcs, { env, dir, caFile, secrets }),
    by: env['EPOCHTREE_BY'] || whoIsHere(),
  }
}

interface Surroundings {
  readonly env: Environment
  readonly dir: string
  readonly caFile: string | undefined
  readonly secrets: TeamSecrets | undefined
}

function fromFile(content: string, path: string): TeamSettings | undefined {
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch (error) {
    // What stands there may be a secret in the wrong place: the parser would quote it.
    const [, position] = / at position (\d+)/.exec((error as Error).message) ?? []
    throw wrong(`${path} is not JSON${position ? `, from its character ${position} on` : ''}`, 'Mend it there; docs/team.md shows one.')
  }
  return parsed(configFile, json, path).store
}

function whoIsHere(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return hostname() // a container whose user has no name
  }
}

const ADDRESSES = [
  { of: 'mongo', name: 'MongoDB', key: 'store.mongo.uri', variable: 'EPOCHTREE_MONGO_URI' },
  { of: 'elastic', name: 'Elasticsearch', key: 'store.elastic.node', variable: 'EPOCHTREE_ELASTIC_NODE' },
  { of: 'gcs', name: 'bucket', key: 'store.gcs.bucket', variable: 'EPOCHTREE_GCS_BUCKET' },
] as const

/** Refuses a team of which not every server is named; all that lack are told at once. */
function checkNamed(named: Readonly<Partial<Record<(typeof ADDRESSES)[number]['of'], unknown>>>, env: Environment) {
  const absent = ADDRESSES.filter(({ of, variable: name }) => !named[of] && variable(env, name) === undefined)
  const list = (words: readonly string[]) => new Intl.ListFormat('en').format(words)
  if (absent.length > 0)
    throw wrong(
      `The store of this folder is a team's, but nothing says where its ${list(absent.map(({ name }) => name))} ${absent.length > 1 ? 'are' : 'is'}`,
      `Set ${list(absent.map(({ variable: name }) => name))}, or ${list(absent.map(({ key }) => key))} in .epochtree/config.json or the setting epochtree.store; EPOCHTREE_STORE=local goes without the team.`,
    )
}

/** The certificates that an address comes with. With secrets in play, a file that came with a clone may not choose them: the person has to. */
function certificates(
  named: Named<{ readonly caFile?: string | undefined }> | undefined,
  hasSecret: boolean,
  { caFile, dir }: Surroundings,
  kept?: { readonly caFile?: string | undefined },
) {
  if (caFile) return { caFile: resolve(caFile) }
  if (kept?.caFile !== undefined) return { caFile: resolve(kept.caFile) }
  const chosen = named?.value.caFile
  if (chosen === undefined) return {}
  if (hasSecret && !named!.own)
    throw wrong(
      `${named!.where} names the certificates that are trusted (caFile), while a password or key is sent`,
      'If you trust that file, set EPOCHTREE_CA_FILE to it, or choose it in "Epochtree: Connect to Team...".',
    )
  return { caFile: isAbsolute(chosen) ? chosen : resolve(dir, chosen) }
}

/** Options of a URI that a file may set: none of them reads files, runs programs or sends what this machine knows elsewhere. */
const HARMLESS_OPTIONS = new Set(
  [
    'replicaSet',
    'tls',
    'ssl',
    'directConnection',
    'loadBalanced',
    'srvServiceName',
    'srvMaxHosts',
    'authSource',
    'retryWrites',
    'retryReads',
    'readPreference',
    'maxPoolSize',
    'minPoolSize',
    'maxIdleTimeMS',
    'connectTimeoutMS',
    'socketTimeoutMS',
    'serverSelectionTimeoutMS',
    'w',
    'journal',
    'appName',
    'compressors',
  ].map((name) => name.toLowerCase()),
)
const PASSWORD_MECHANISMS = new Set(['DEFAULT', 'SCRAM-SHA-1', 'SCRAM-SHA-256'])

interface MongoAddress {
  readonly uri: string
  readonly hosts: readonly string[]
  readonly database: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly options: URLSearchParams
}

function decoded(word: string | undefined, where: string): string | undefined {
  try {
    return word ? decodeURIComponent(word) : undefined
  } catch {
    throw wrong(`${where} holds a % that is no percent code`, 'Write %25 for each % of a name or password.')
  }
}

/** Its user and password are split off; nothing of it is ever part of a message. */
function mongoAddress(uri: string, where: string): MongoAddress {
  const [, scheme, credentials, hosts, database = '', query = ''] =
    /^(mongodb(?:\+srv)?):\/\/(?:(.*)@)?([^/?@]+)(?:\/([^?/]*))?(?:\?(.*))?$/s.exec(uri) ?? []
  const list = (hosts ?? '').split(',')
  const isPlace = (host: string) => {
    const [, port = '1'] = /^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(host) ?? [undefined, '0']
    return Number(port) >= 1 && Number(port) <= 65_535
  }
  if (!scheme || !list.every(isPlace))
    throw wrong(`${where} is no address of a MongoDB`, 'It looks like mongodb://host:27017 or mongodb+srv://host.')
  const [username, ...password] = credentials?.split(':') ?? []
  const path = decoded(database, where)
  return {
    uri: `${scheme}://${hosts!.toLowerCase()}/${database}${query && `?${query}`}`,
    // Where one name stands for hosts that are looked up, none of them is known to be here.
    hosts: scheme === 'mongodb' ? list : list.map((host) => `${host}.`),
    // The database of the users is no place for documents.
    database: path === 'admin' ? undefined : path,
    username: decoded(username, where),
    password: password.length ? (decoded(password.join(':'), where) ?? '') : undefined,
    options: new URLSearchParams(query),
  }
}

function elasticAddress(node: string, where: string) {
  if (!URL.canParse(node) || !/^https?:$/.test(new URL(node).protocol))
    throw wrong(`${where} is no address of an Elasticsearch`, 'It looks like https://host:9200.')
  const url = new URL(node)
  const { username, password } = url
  if (url.search || url.hash)
    throw wrong(`${where} goes on after its path, and what stands there is sent nowhere`, 'Leave out all from ? or # on.')
  url.username = url.password = ''
  return {
    node: url.href.replace(/\/$/, ''),
    hosts: [url.host],
    username: decoded(username, where),
    password: decoded(password, where),
  }
}

/** What secrets are kept for: an address as a whole, in one spelling and without credentials. */
export function addressOf(server: 'mongo' | 'elastic', address: string): string {
  return server === 'mongo' ? mongoAddress(address, 'The address').uri : elasticAddress(address, 'The address').node
}

function sameAddress<Key extends 'mongo' | 'elastic' | 'gcs'>(key: Key, one: TeamSettings[Key], other: TeamSettings[Key]): boolean {
  if (!one || !other) return false
  const address = (settings: NonNullable<TeamSettings[Key]>) =>
    'uri' in settings
      ? addressOf('mongo', settings.uri)
      : 'node' in settings
        ? addressOf('elastic', settings.node)
        : `${settings.endpoint ?? ''} ${settings.bucket}`
  return address(one) === address(other) && (!one.caFile || one.caFile === other.caFile)
}

/** What is sent there does not leave this machine. */
const isHere = (hosts: readonly string[]) =>
  hosts.every((host) => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(host.replace(/:\d+$/, '')))

interface Login {
  readonly apiKey?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/**
 * Who logs in: as the address in the environment says, else with what the editor keeps for that address, else with the environment's variables, and
 * with these only where it is sure whose address it is.
 */
function loginFor(
  what: string,
  variable: string,
  {
    address,
    own,
    hosts,
    where,
    kept,
    variables,
  }: {
    /** What stands in an address of the environment. */
    readonly address: Login | undefined
    readonly own: boolean
    readonly hosts: readonly string[]
    readonly where: string
    readonly kept: Login | undefined
    readonly variables: Login
  },
): Login | undefined {
  if (address?.username !== undefined) return { username: address.username, password: address.password ?? variables.password }
  if (kept?.apiKey !== undefined || kept?.username !== undefined) return kept
  if (variables.apiKey === undefined && variables.username === undefined) return undefined
  if (!own && !isHere(hosts))
    throw new EpochtreeError(
      'not-trusted',
      `Only ${where} says where the ${what} is, and a password or key is never sent where only such a file says. Set ${variable} to that address as well if it is right.`,
    )
  return variables
}

/** Also one that is a password alone. */
const hasLogin = ({ username, password }: Login) => username !== undefined || password !== undefined

/** Only what is set: absent and undefined are not the same to the clients. */
const loginOf = ({ apiKey, username, password }: Login = {}) => ({
  ...(apiKey === undefined ? {} : { apiKey }),
  ...(username === undefined || apiKey !== undefined ? {} : { username, password: password ?? '' }),
})
const variable = (env: Environment, name: string) => env[name] || undefined

function mongoConfig(named: Named<NonNullable<TeamSettings['mongo']>> | undefined, around: Surroundings): TeamConfig['mongo'] {
  const { env, secrets } = around
  const given = variable(env, 'EPOCHTREE_MONGO_URI')
  const where = given === undefined ? named!.where : 'EPOCHTREE_MONGO_URI'
  const inFile = named && mongoAddress(named.value.uri, named.where)
  if (inFile && hasLogin(inFile)) throw secretIn(named.where, 'mongo.uri', 'EPOCHTREE_MONGO_URI to it')
  const address = given === undefined ? inFile! : mongoAddress(given, where)
  const own = given !== undefined || named!.own
  if (!own)
    for (const [name, value] of address.options)
      if (!HARMLESS_OPTIONS.has(name.toLowerCase()) && !(name.toLowerCase() === 'authmechanism' && PASSWORD_MECHANISMS.has(value)))
        throw wrong(
          `${where} sets "${name.slice(0, 60)}" of MongoDB, which a file may not`,
          'If you need it, set EPOCHTREE_MONGO_URI to the whole address.',
        )
  const kept = secrets?.mongo?.for === address.uri ? secrets.mongo : undefined
  const login = loginFor('MongoDB', 'EPOCHTREE_MONGO_URI', {
    address: given === undefined ? undefined : address,
    own,
    hosts: address.hosts,
    where,
    kept,
    variables: { username: variable(env, 'EPOCHTREE_MONGO_USERNAME'), password: variable(env, 'EPOCHTREE_MONGO_PASSWORD') },
  })
  const database = variable(env, 'EPOCHTREE_MONGO_DATABASE') ?? named?.value.database ?? address.database ?? 'epochtree'
  if (!/^[A-Za-z0-9_-]{1,38}$/.test(database))
    throw wrong(`${where} names a database that not every MongoDB takes`, 'Give it a name of at most 38 letters, digits, _ and -.')
  // Of an address that the environment changes, the rest of what the file says holds on: only its certificates may be another's.
  return { uri: address.uri, database, ...loginOf(login), ...certificates(named, login !== undefined, around, kept) }
}

function elasticConfig(named: Named<NonNullable<TeamSettings['elastic']>> | undefined, around: Surroundings): TeamConfig['elastic'] {
  const { env, secrets } = around
  const given = variable(env, 'EPOCHTREE_ELASTIC_NODE')
  const where = given === undefined ? named!.where : 'EPOCHTREE_ELASTIC_NODE'
  const inFile = named && elasticAddress(named.value.node, named.where)
  if (inFile && hasLogin(inFile)) throw secretIn(named.where, 'elastic.node', 'EPOCHTREE_ELASTIC_NODE to it')
  const address = given === undefined ? inFile! : elasticAddress(given, where)
  const kept = secrets?.elastic?.for === address.node ? secrets.elastic : undefined
  const login = loginFor('Elasticsearch', 'EPOCHTREE_ELASTIC_NODE', {
    address: given === undefined ? undefined : address,
    own: given !== undefined || named!.own,
    hosts: address.hosts,
    where,
    kept,
    variables: {
      apiKey: variable(env, 'EPOCHTREE_ELASTIC_API_KEY'),
      username: variable(env, 'EPOCHTREE_ELASTIC_USERNAME'),
      password: variable(env, 'EPOCHTREE_ELASTIC_PASSWORD'),
    },
  })
  if (login?.apiKey !== undefined && !/^[\x21-\x7e]+$/.test(login.apiKey))
    throw wrong(
      'The API key of Elasticsearch holds a line break, a space or a letter that none has',
      'Give it as it was given out, encoded.',
    )
  const prefix = variable(env, 'EPOCHTREE_ELASTIC_PREFIX') ?? named?.value.prefix ?? 'epochtree'
  if (!/^[a-z0-9][a-z0-9_-]{0,60}$/.test(prefix))
    throw wrong(
      `The prefix of ${where}'s indices is none that Elasticsearch takes`,
      'Give it at most 61 small letters, digits, _ and -, a letter or digit first.',
    )
  return { node: address.node, prefix, ...loginOf(login), ...certificates(named, login !== undefined, around, kept) }
}

function gcsConfig(named: Named<NonNullable<TeamSettings['gcs']>> | undefined, around: Surroundings): TeamConfig['gcs'] {
  const { env } = around
  const given = variable(env, 'EPOCHTREE_GCS_BUCKET')
  const where = given === undefined ? named!.where : 'EPOCHTREE_GCS_BUCKET'
  const bucket = given ?? named!.value.bucket
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket))
    throw wrong(`${where} is no name of a bucket`, 'It is 3 to 222 small letters, digits, dots, _ and -.')
  const endpoint = variable(env, 'EPOCHTREE_GCS_ENDPOINT') ?? named?.value.endpoint
  if (endpoint !== undefined && (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)))
    throw wrong('The endpoint of the bucket is no address', 'It looks like https://host:443.')
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  if (url && (url.username || url.password))
    throw wrong('The endpoint of the bucket holds a password, and none is ever sent there', 'Write it without.')
  if (url && (url.pathname !== '/' || url.search || url.hash))
    throw wrong('The endpoint of the bucket goes on after its host and port', 'Write these alone, such as https://host:443.')
  const prefix = (variable(env, 'EPOCHTREE_GCS_PREFIX') ?? named?.value.prefix ?? '').replace(/^\/+|\/+$/g, '')
  if (/\p{Cc}|\p{Cs}/u.test(prefix) || prefix.split('/').some((part) => part === '.' || part === '..'))
    throw wrong("The prefix of the bucket's objects is none", 'Write words with slashes between them.')
  return {
    bucket,
    prefix: prefix && `${prefix}/`,
    ...(url ? { endpoint: url.href.replace(/\/$/, '') } : {}),
    // Google is sent this user's token.
    ...certificates(named, endpoint === undefined, around),
  }
}
