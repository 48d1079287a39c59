import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import * as vscode from 'vscode'
import type { Login, StoreSettings, TriedServer } from '../../server/protocol/editor'
import type { Server } from '../server'
import type { Secrets } from './secrets'
import { placesOfStore, shownStore, writeStore } from './settings'
import { askChoice, askText, Back, inTurn, type Step } from './steps'

const { t } = vscode.l10n

const STEPS = 4

/** What was found to work, server by server. */
interface Found {
  mongo?: NonNullable<StoreSettings['mongo']>
  elastic?: NonNullable<StoreSettings['elastic']>
  gcs?: NonNullable<StoreSettings['gcs']>
  /** Where it is written down; undefined where nothing but a password was new. */
  place?: Place | undefined
  readonly logins: Map<'mongo' | 'elastic', { readonly address: string; readonly login: Login }>
}

/**
 * Walks through a team's three servers, tries each, and writes down where they are: for everybody or for oneself.
 * Passwords and keys go to the system's secrets alone.
 */
export async function connect(server: Server, secrets: Secrets, dir: string): Promise<void> {
  const { store: inFile } = await server.request('epochtree/teamFile', { dir })
  const before: StoreSettings = { ...inFile, ...shownStore() }
  const found: Found = { logins: new Map() }
  const asked: Asking = { server, secrets, dir, before, found }
  await inTurn([
    () => askMongo(asked),
    () => askElastic(asked),
    () => askBucket(asked),
    async () => {
      const store = storeOf(found)
      found.place = sameStore(store, before) ? undefined : await askPlace(dir)
    },
  ])
  for (const [name, { address, login }] of found.logins) await secrets.keep(name, address, login)
  const store = storeOf(found)
  const { place } = found
  if (place === undefined) return
  // The nearer setting counts, and each before the file: what stood there would hide what was just chosen.
  const hidden = placesOfStore().filter(({ target }) => place === 'file' || target > place)
  for (const { target } of hidden) if (target !== vscode.ConfigurationTarget.Global) await writeStore(undefined, target)
  if (place !== 'file') return writeStore(store, place)
  const { file } = await server.request('epochtree/saveTeam', { dir, store })
  if (hidden.some(({ target }) => target === vscode.ConfigurationTarget.Global))
    void vscode.window.showWarningMessage(
      t('Your user settings name a team in epochtree.store, which counts before {0}. Take it out there.', file),
    )
}

interface Asking {
  readonly server: Server
  readonly secrets: Secrets
  readonly dir: string
  readonly before: StoreSettings
  readonly found: Found
}
type Place = 'file' | vscode.ConfigurationTarget

const storeOf = ({ mongo, elastic, gcs }: Found): StoreSettings => ({ mode: 'team', mongo: mongo!, elastic: elastic!, gcs: gcs! })
const sameStore = (a: StoreSettings, b: StoreSettings) =>
  (['mode', 'mongo', 'elastic', 'gcs'] as const).every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]))

const stepOf = (name: string, step: number): Step => ({ title: t('Connect to Team: {0}', name), step, of: STEPS, back: step > 1 })

const tryOut = (server: Server, dir: string, tried: TriedServer, token: vscode.CancellationToken) =>
  server.request('epochtree/tryServer', { dir, ...tried }, token)

/** The paths of certificates hold for the folder's file as well: from it, where they lie in the project. */
function certificates(dir: string, choose: (file: string) => void) {
  return {
    iconPath: new vscode.ThemeIcon('shield'),
    tooltip: t('Trust Certificates from a File...'),
    press: async () => {
      const [file] =
        (await vscode.window.showOpenDialog({
          title: t('Choose the file with the certificates (PEM)'),
          openLabel: t('Trust These'),
          filters: { [t('Certificates')]: ['pem', 'crt', 'cer'], [t('All files')]: ['*'] },
        })) ?? []
      if (!file) return undefined
      const path = relative(dir, file.fsPath)
      const inside = !isAbsolute(path) && !relative(dirname(dir), file.fsPath).startsWith(`..${sep}`)
      choose(inside ? path : file.fsPath)
      return t('Certificates of {0} are trusted. Accept the address to try it.', file.fsPath)
    },
  }
}

/** Where the path of certificates leads. */
const certificatesFile = (dir: string, file: string) => (isAbsolute(file) ? file : join(dir, file))

/** An address is tried as it is, or with what is kept for it; who has to log in is asked how, and tried again. */
async function askServer<Name extends 'mongo' | 'elastic'>(
  { server, secrets, dir, found }: Asking,
  name: Name,
  about: {
    readonly step: Step
    readonly prompt: string
    readonly placeholder: string
    readonly value: string
    readonly caFile: string | undefined
    readonly settings: (address: string, caFile: string | undefined) => NonNullable<StoreSettings[Name]>
    readonly askLogin: (
      step: Step,
      known: Login,
      trouble: string,
      attempt: (login: Login, token: vscode.CancellationToken) => Promise<string | undefined>,
    ) => Promise<void>
  },
): Promise<NonNullable<StoreSettings[Name]>> {
  let { caFile, value } = about
  const tried = (settings: NonNullable<StoreSettings[Name]>, login: Login | undefined) =>
    ({ server: name, settings, ...(login ? { login } : {}) }) as TriedServer
  for (;;) {
    let trouble: string | undefined
    let known: Login | undefined
    let address = ''
    value = await askText({
      ...about.step,
      prompt: caFile === undefined ? about.prompt : t('{0}. Certificates of {1} are trusted.', about.prompt, caFile),
      placeholder: about.placeholder,
      value,
      buttons: [certificates(dir, (file) => (caFile = file))],
      check: async (text) => {
        await server.request('epochtree/teamAddress', { server: name, address: text.trim() })
        return undefined
      },
      accept: async (text, token) => {
        ;({ address } = await server.request('epochtree/teamAddress', { server: name, address: text.trim() }))
        known =
          found.logins.get(name)?.address === address ? found.logins.get(name)!.login : ((await secrets.get(name, address)) ?? undefined)
        const wrong = await tryOut(server, dir, tried(about.settings(text.trim(), caFile), known), token)
        trouble = wrong?.login ? wrong.message : undefined
        return trouble === undefined ? wrong?.message : undefined
      },
    })
    const settings = about.settings(value.trim(), caFile)
    const keep = (login: Login) => {
      const trusted = settings.caFile === undefined ? {} : { caFile: certificatesFile(dir, settings.caFile) }
      if (login.username !== undefined || login.apiKey !== undefined) found.logins.set(name, { address, login: { ...login, ...trusted } })
    }
    if (trouble === undefined) {
      if (known) keep(known)
      return settings
    }
    try {
      await about.askLogin({ ...about.step, back: true }, known ?? {}, trouble, async (login, token) => {
        const wrong = await tryOut(server, dir, tried(settings, login), token)
        if (wrong === null) keep(login)
        return wrong?.message
      })
      return settings
    } catch (error) {
      if (!(error instanceof Back)) throw error
    }
  }
}

async function askMongo(asking: Asking) {
  const before = asking.found.mongo ?? asking.before.mongo
  asking.found.mongo = await askServer(asking, 'mongo', {
    step: stepOf('MongoDB', 1),
    prompt: t('Address of the MongoDB, without user and password'),
    placeholder: 'mongodb://host:27017',
    value: before?.uri ?? '',
    caFile: before?.caFile,
    settings: (uri, caFile) => ({ uri, ...kept(before, 'database'), ...(caFile === undefined ? {} : { caFile }) }),
    askLogin: (step, known, trouble, attempt) => askUser(step, known, trouble, attempt),
  })
}

async function askElastic(asking: Asking) {
  const before = asking.found.elastic ?? asking.before.elastic
  asking.found.elastic = await askServer(asking, 'elastic', {
    step: stepOf('Elasticsearch', 2),
    prompt: t('Address of the Elasticsearch, without user, password or key'),
    placeholder: 'https://host:9200',
    value: before?.node ?? '',
    caFile: before?.caFile,
    settings: (node, caFile) => ({ node, ...kept(before, 'prefix'), ...(caFile === undefined ? {} : { caFile }) }),
    askLogin: async (step, known, trouble, attempt) => {
      for (;;) {
        const { key } = await askChoice({ ...step, placeholder: trouble }, [
          { label: `$(key) ${t('API key')}`, detail: t('as Elasticsearch gives it out, encoded'), key: true },
          { label: `$(account) ${t('User and password')}`, key: false },
        ])
        try {
          if (!key) return await askUser(step, known, undefined, attempt)
          await askText({
            ...step,
            prompt: t("API key. It is kept with the system's secrets, for this address alone."),
            placeholder: t('API key'),
            value: known.apiKey ?? '',
            secret: true,
            check: async (text) => (text.trim() ? undefined : t('Paste the key.')),
            accept: (text, token) => attempt({ apiKey: text.trim() }, token),
          })
          return
        } catch (error) {
          if (!(error instanceof Back)) throw error
        }
      }
    },
  })
}

/** A user's name, then the password. */
async function askUser(
  step: Step,
  known: Login,
  trouble: string | undefined,
  attempt: (login: Login, token: vscode.CancellationToken) => Promise<string | undefined>,
) {
  let { username = '' } = known
  for (;;) {
    username = await askText({
      ...step,
      prompt: trouble ?? t('User'),
      placeholder: t('User'),
      value: username,
      check: async (text) => (text.trim() ? undefined : t('Write the name of the user.')),
    })
    try {
      await askText({
        ...step,
        prompt: t("Password of {0}. It is kept with the system's secrets, for this address alone.", username.trim()),
        placeholder: t('Password'),
        value: '',
        secret: true,
        check: async (text) => (text ? undefined : t('Write the password.')),
        accept: (password, token) => attempt({ username: username.trim(), password }, token),
      })
      return
    } catch (error) {
      if (!(error instanceof Back)) throw error
    }
  }
}

async function askBucket({ server, dir, before: all, found }: Asking) {
  const before = found.gcs ?? all.gcs
  let { endpoint, caFile } = before ?? {}
  const step = stepOf('Google Cloud Storage', 3)
  const settingsOf = (text: string): NonNullable<StoreSettings['gcs']> => {
    const [, bucket = '', prefix = ''] = /^(?:gs:\/\/)?([^/]*)\/*(.*?)\/*$/.exec(text.trim()) ?? []
    return {
      bucket,
      ...(prefix ? { prefix } : {}),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(caFile === undefined ? {} : { caFile }),
    }
  }
  const at = () => (endpoint === undefined ? t('Google Cloud Storage') : endpoint)
  const prompt = () =>
    endpoint === undefined
      ? t(
          "Name of the bucket, such as team or team/project. Google's application default credentials are used: `gcloud auth application-default login`.",
        )
      : t('Name of the bucket on {0}, which is asked without credentials', at())
  const other = {
    iconPath: new vscode.ThemeIcon('server'),
    tooltip: t("Another Server than Google's..."),
    press: async () => {
      const text = await askText({
        ...step,
        back: true,
        prompt: t("Address of a server that speaks the same protocol; nothing for Google's own"),
        placeholder: 'https://host:443',
        value: endpoint ?? '',
        check: async (typed) => {
          if (typed.trim()) await server.request('epochtree/teamAddress', { server: 'gcs', address: typed.trim() })
          return undefined
        },
      })
      endpoint = text.trim() || undefined
      return prompt()
    },
  }
  const text = await askText({
    ...step,
    prompt: prompt(),
    placeholder: t('bucket, or bucket/prefix'),
    value: before ? [before.bucket, before.prefix].filter(Boolean).join('/') : '',
    buttons: [other, certificates(dir, (file) => (caFile = file))],
    check: async (typed) => (settingsOf(typed).bucket ? undefined : t('Write the name of the bucket.')),
    accept: async (typed, token) => (await tryOut(server, dir, { server: 'gcs', settings: settingsOf(typed) }, token))?.message,
  })
  found.gcs = settingsOf(text)
}

const kept = <Key extends string>(before: Partial<Record<Key, string>> | undefined, key: Key): Partial<Record<Key, string>> =>
  before?.[key] === undefined ? {} : ({ [key]: before[key] } as Partial<Record<Key, string>>)

async function askPlace(dir: string): Promise<Place> {
  const { ConfigurationTarget } = vscode
  const { place } = await askChoice({ ...stepOf(t('Where to write it down'), 4), placeholder: t('Who works with this team?') }, [
    {
      label: `$(organization) ${t('Everybody in this folder')}`,
      description: vscode.workspace.asRelativePath(join(dir, 'config.json')),
      detail: t('Commit the file with your project, and everybody who opens it has the team. It holds no secrets.'),
      place: 'file' as Place,
    },
    {
      label: `$(account) ${t('I, in this workspace')}`,
      description: t('workspace settings'),
      place: ConfigurationTarget.Workspace,
    },
    {
      label: `$(account) ${t('I, in every folder')}`,
      description: t('user settings'),
      place: ConfigurationTarget.Global,
    },
  ])
  return place
}
