import * as vscode from 'vscode'
import type { Login, ServerRequests } from '../../server/protocol/editor'

type Answers = ServerRequests['epochtree/secrets']
export type SecretServer = keyof Answers[0]

const PREFIX = 'team '
const keyOf = (server: SecretServer, address: string) => `${PREFIX}${server} ${address}`

/** How people get into their team's servers, kept with the system's secrets, each for the address that it was given for. */
export class Secrets {
  readonly #storage: vscode.SecretStorage

  constructor(storage: vscode.SecretStorage) {
    this.#storage = storage
  }

  onChanged(listener: () => void): vscode.Disposable {
    return this.#storage.onDidChange(({ key }) => {
      if (key.startsWith(PREFIX)) listener()
    })
  }

  /** What the server asks for: never in a workspace that is not trusted. */
  async answer({ mongo, elastic }: Answers[0]): Promise<Answers[1]> {
    return { mongo: await this.get('mongo', mongo), elastic: await this.get('elastic', elastic) }
  }

  async get(server: SecretServer, address: string): Promise<Login | null> {
    if (!vscode.workspace.isTrusted) return null
    const text = await this.#storage.get(keyOf(server, address))
    return text === undefined ? null : (JSON.parse(text) as Login)
  }

  async keep(server: SecretServer, address: string, login: Login): Promise<void> {
    const { username, password, apiKey, caFile } = login
    const known = await this.#storage.get(keyOf(server, address))
    const text = JSON.stringify({ username, password, apiKey, caFile })
    if (text !== known) await this.#storage.store(keyOf(server, address), text)
  }

  /** The addresses for which something is kept. */
  async addresses(): Promise<readonly string[]> {
    return (await this.#keys()).map((key) => key.slice(PREFIX.length).replace(/^\w+ /, ''))
  }

  async forgetAll(): Promise<void> {
    for (const key of await this.#keys()) await this.#storage.delete(key)
  }

  async #keys(): Promise<string[]> {
    return (await this.#storage.keys()).filter((key) => key.startsWith(PREFIX)).sort()
  }
}
