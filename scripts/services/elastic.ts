import { pbkdf2Sync, createHash, randomBytes } from 'node:crypto'
import { chownSync, copyFileSync, createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EpochtreeError } from '../../server/errors'
import { root, toStderr, type Say } from '../vscode/root'
import { ask } from './ask'
import type { Certificate } from './certificates'
import { requireLess } from './descriptor'
import { findJava, type Java } from './java'
import { freshFolder, once, other, place, tool } from './place'
import { freePort, launch, type Running } from './running'

export type ElasticVersion = '9.5.0' | '8.19.0'
const VERSIONS: Readonly<Record<ElasticVersion, { readonly sha512: string; readonly java: Parameters<typeof findJava>[0] }>> = {
  '9.5.0': {
    sha512:
      'c06bd4ef7691da91052cada7bb255b2d7c48a1422820a8db0e3e3a1ed0dde4e8d380cdbadeb7029cc56167b9ad3a6d89f6b8edbc48d4b8685d1ab24a7ab17dd5',
    java: { least: 21, modules: ['jdk.jdi', 'jdk.jlink'] },
  },
  '8.19.0': {
    sha512:
      'bd600df798d23d2683c999e19299164a2b3af265bc09b43fb86e1f5fbc0ccb14e8b2ac12b36631d835bcabc0eda2a050e06696e9f9ac283a309be6a6612a8017',
    java: { least: 17, modules: [] },
  },
}

export interface ElasticUser {
  readonly name: string
  readonly password: string
  /** `superuser`, or one of `ROLES`. */
  readonly role: 'superuser' | keyof typeof ROLES
}
/** What a user may do who is not allowed everything. */
const ROLES = {
  reader: { cluster: ['monitor'], indices: [{ names: ['*'], privileges: ['read', 'view_index_metadata'] }] },
  nothing: { cluster: [], indices: [] },
} as const

export interface ElasticOptions {
  readonly version?: ElasticVersion
  /** Kept when it stops; without it the data go with the server. */
  readonly dataDir?: string
  readonly port?: number
  /** Turns security on: these may enter, with a password or by API keys made with it. The first must be a `superuser`. */
  readonly users?: readonly ElasticUser[]
  /** With it only TLS is spoken. */
  readonly tls?: Certificate
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly say?: Say
}

/** Elasticsearch itself. As root it runs as another user, since it refuses root. */
export async function startElastic({
  version = '9.5.0',
  dataDir,
  port,
  users,
  tls,
  settings = {},
  say = toStderr,
}: ElasticOptions = {}): Promise<Running> {
  if (process.platform === 'win32')
    throw new EpochtreeError('not-found', 'The test servers do not run on Windows itself. Run this in the Windows Subsystem for Linux.')
  const { java, home } = await fetchElastic(version, say)
  const user = other()
  const base = dataDir ?? freshFolder('elastic', user ? place() : undefined)
  const [config, data, temporary] = [join(base, 'config'), join(base, 'data'), join(base, 'tmp')]
  const url = (at: number) => `${tls ? 'https' : 'http'}://127.0.0.1:${at}`
  const first = users?.[0]
  // Both are refused by the same name, so that one of them says which is taken.
  const transport = await freePort()
  const prepare = (at: number) => {
    rmSync(config, { recursive: true, force: true })
    for (const folder of [config, join(config, 'jvm.options.d'), data, temporary]) mkdirSync(folder, { recursive: true })
    const yaml = {
      'cluster.name': 'epochtree-test',
      'discovery.type': 'single-node',
      'network.host': '127.0.0.1',
      'http.port': at,
      'transport.port': transport,
      'path.data': data,
      'path.logs': temporary,
      'cluster.routing.allocation.disk.threshold_enabled': false,
      'cluster.max_shards_per_node': 10_000,
      'xpack.ml.enabled': false,
      'xpack.security.enabled': users !== undefined || tls !== undefined,
      'xpack.security.autoconfiguration.enabled': false,
      ...(tls
        ? {
            'xpack.security.http.ssl.enabled': true,
            'xpack.security.http.ssl.certificate': 'server.crt',
            'xpack.security.http.ssl.key': 'server.key',
            // TLS alone, and nobody is asked who they are.
            ...(users ? {} : { 'xpack.security.authc.anonymous.roles': 'superuser' }),
          }
        : {}),
      ...settings,
    }
    const files = {
      'elasticsearch.yml': Object.entries(yaml).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
      // Without what a Java from a package does not have, and without files of its own.
      'jvm.options': readFileSync(join(home, 'config', 'jvm.options'), 'utf8')
        .split('\n')
        .filter((line) => !/^(#|$)|incubator|HeapDump|ErrorFile|Xlog/.test(line)),
      'log4j2.properties': LOGGING,
      users: (users ?? []).map(({ name, password }) => `${name}:${hashed(password)}`),
      users_roles: [...new Set((users ?? []).map(({ role }) => role))].map(
        (role) => `${role}:${users!.flatMap((one) => (one.role === role ? [one.name] : [])).join(',')}`,
      ),
      'roles.yml': Object.entries(ROLES).map(([name, rights]) => `${name}: ${JSON.stringify(rights)}`),
      'role_mapping.yml': [],
      'elasticsearch-plugins.example.yml': [],
    }
    for (const [name, lines] of Object.entries(files)) writeFileSync(join(config, name), `${lines.join('\n')}\n`)
    if (tls) {
      copyFileSync(tls.certFile, join(config, 'server.crt'))
      copyFileSync(tls.keyFile, join(config, 'server.key'))
    }
    if (user)
      for (const path of [base, config, data, temporary, ...readdirSync(config).map((name) => join(config, name))])
        chownSync(path, user.uid, user.gid)
  }
  return launch({
    name: `Elasticsearch ${version}`,
    url,
    prepare,
    // The shell's child ends all of it when the input ends, since Elasticsearch's own launcher does not look at it.
    command: () => ({
      program: '/bin/sh',
      args: ['-c', 'exec 3<&0; (cat <&3 >/dev/null 2>&1; kill -KILL 0) & exec "$0" </dev/null 3<&-', join(home, 'bin', 'elasticsearch')],
      env: {
        ES_JAVA_HOME: java,
        ES_PATH_CONF: config,
        ES_TMPDIR: temporary,
        ES_JAVA_OPTS: '-Xms512m -Xmx512m',
        HOME: temporary,
        JAVA_HOME: undefined,
        LIBFFI_TMPDIR: temporary,
      },
    }),
    async ready(at) {
      const { status } = await ask(`${url(at)}/_cluster/health?wait_for_status=yellow&timeout=1s`, {
        seconds: 5,
        ...(first ? { username: first.name, password: first.password } : {}),
      })
      if (status !== 200) throw new Error(`it answers ${status}`)
    },
    dataDir: base,
    logFile: join(base, 'server.log'),
    temporary: dataDir === undefined ? base : undefined,
    ...(port === undefined ? {} : { port }),
    user,
    seconds: 400,
  })
}

/** Brings it here, with a Java that it runs on. */
export async function fetchElastic(version: ElasticVersion, say: Say): Promise<{ readonly java: string; readonly home: string }> {
  const java = await findJava(VERSIONS[version].java, say)
  return { java: java.home, home: await distribution(version, java, say) }
}

/** As Elasticsearch's own file of users keeps them. */
function hashed(password: string): string {
  const salt = randomBytes(32)
  return `{PBKDF2}10000$${salt.toString('base64')}$${pbkdf2Sync(password, salt, 10_000, 32, 'sha512').toString('base64')}`
}

const LOGGING = [
  'status = error',
  'appender.console.type = Console',
  'appender.console.name = console',
  'appender.console.layout.type = PatternLayout',
  'appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n',
  'rootLogger.level = info',
  'rootLogger.appenderRef.console.ref = console',
]

/** Its folder, which no server writes to. Maven fetches it, and its checksum is compared with the one above. */
async function distribution(version: ElasticVersion, java: Java, say: Say): Promise<string> {
  const made = [readFileSync(PLUGIN, 'utf8'), existsSync(javac(java)), java.missing]
  const hash = createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 8)
  const folder = join(place(), `elasticsearch-${version}-${hash}`)
  const home = (at: string) => join(at, `elasticsearch-${version}`)
  await once(folder, `Elasticsearch ${version}`, say, async (into) => {
    await tool({
      program: 'mvn',
      args: [
        '--batch-mode',
        '--quiet',
        '--strict-checksums',
        'dependency:copy',
        `-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:${version}:zip`,
        `-DoutputDirectory=${into}`,
      ],
      cwd: into,
      remedy: 'Install Maven (Debian: `apt-get install maven`; macOS: `brew install maven`), then try again.',
    })
    const zip = join(into, `elasticsearch-${version}.zip`)
    const found = createHash('sha512')
    await pipeline(createReadStream(zip), found)
    if (found.digest('hex') !== VERSIONS[version].sha512)
      throw new EpochtreeError(
        'failed',
        `Elasticsearch ${version} as it was fetched is not the one that is known here. Remove it from ~/.m2, then try again.`,
      )
    await tool({
      program: 'unzip',
      args: ['-q', zip, '-d', into],
      remedy: 'Install unzip (Debian: `apt-get install unzip`), then try again.',
    })
    rmSync(zip)
    // It asks for them, and does without.
    if (java.missing.length > 0) requireLess(join(home(into), 'lib', `elasticsearch-entitlement-${version}.jar`), java.missing)
    if (existsSync(javac(java))) await addPlugin(home(into), version, java)
  })
  return home(folder)
}

const PLUGIN = join(root, 'scripts', 'services', 'java', 'AnalysisOfKeys.java')
const javac = ({ home }: Java) => join(home, 'bin', 'javac')

/** With it the server can make API keys. Where there is only a Java that can't compile, it goes without. */
async function addPlugin(home: string, version: ElasticVersion, java: Java): Promise<void> {
  const remedy = 'Install a full JDK, or name one in EPOCHTREE_TEST_JAVA_HOME.'
  const [folder, classes] = [join(home, 'plugins', 'epochtree'), join(home, 'plugins', 'classes')]
  mkdirSync(folder)
  const { least } = VERSIONS[version].java
  const paths = ['-cp', join(home, 'lib', '*'), '-d', classes]
  await tool({ program: javac(java), args: ['-nowarn', '--release', String(least), ...paths, PLUGIN], remedy })
  await tool({
    program: join(java.home, 'bin', 'jar'),
    args: ['--create', '--file', join(folder, 'epochtree.jar'), '-C', classes, '.'],
    remedy,
  })
  rmSync(classes, { recursive: true })
  const described = {
    name: 'epochtree',
    description: 'What the index of API keys asks for',
    version: '1',
    'java.version': String(least),
    'elasticsearch.version': version,
    classname: 'epochtree.AnalysisOfKeys',
  }
  writeFileSync(
    join(folder, 'plugin-descriptor.properties'),
    Object.entries(described)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
}

/** Whether API keys can be made here. */
export async function hasApiKeys(version: ElasticVersion = '9.5.0', say: Say = toStderr): Promise<boolean> {
  return existsSync(join((await fetchElastic(version, say)).home, 'plugins', 'epochtree'))
}

/** An API key, as `apiKey` of a team's settings takes it; of everything that its user may do, or with rights of its own. */
export async function makeApiKey(url: string, by: ElasticUser, rights?: object): Promise<string> {
  const { status, text } = await ask(`${url}/_security/api_key`, {
    method: 'POST',
    body: JSON.stringify({ name: `key-${Date.now()}`, ...(rights ? { role_descriptors: { limited: rights } } : {}) }),
    username: by.name,
    password: by.password,
  })
  if (status !== 200) throw new Error(`No API key could be made: ${status} ${text}`)
  return (JSON.parse(text) as { encoded: string }).encoded
}
