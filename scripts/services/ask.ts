import { request as http } from 'node:http'
import { request as https } from 'node:https'

export interface Asked {
  readonly method?: string
  readonly body?: string
  readonly username?: string
  readonly password?: string
  readonly apiKey?: string
  /** How long to wait for an answer. */
  readonly seconds?: number
}

/** One plain request to a server that was started here; its certificate is whoever starts it's to try. */
export function ask(
  url: string,
  { method = 'GET', body, username, password, apiKey, seconds = 60 }: Asked = {},
): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(apiKey === undefined ? {} : { authorization: `ApiKey ${apiKey}` }),
      ...(username === undefined ? {} : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }),
    }
    const answered = (response: import('node:http').IncomingMessage) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => done({ status: response.statusCode!, text }))
      response.on('error', fail)
    }
    const options = { method, headers, agent: false, timeout: seconds * 1000 } as const
    const asked = url.startsWith('https:') ? https(url, { ...options, rejectUnauthorized: false }, answered) : http(url, options, answered)
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${seconds} s`)))
    asked.on('error', fail)
    asked.end(body)
  })
}
