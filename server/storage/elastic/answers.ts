import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'

/** What goes wrong with an answer, named as the client names its errors. */
export class Unread extends Error {
  override readonly name: 'DeserializationError' | 'ConnectionError' | 'TooLarge'
  constructor(name: Unread['name'], message: string) {
    super(message)
    this.name = name
  }
}

/**
 * The JSON of an answer, or its text where it is something else. `most` counts bytes as they are once unpacked: the client only counts them packed,
 * so a few of them could fill the memory.
 */
export async function readAnswer(
  body: Readable,
  { type, encoding, most }: { readonly type: string; readonly encoding: string; readonly most: number },
): Promise<unknown> {
  const text = await buffer(counted(unpacked(body, encoding), most)).then(String)
  if (!/^application\/(json|vnd\.elasticsearch\+json)\b/.test(type) || text === '') return text
  try {
    return JSON.parse(text)
  } catch {
    throw new Unread('DeserializationError', 'It is not JSON.')
  }
}

function unpacked(body: Readable, encoding: string): AsyncIterable<Uint8Array> {
  if (encoding !== 'gzip') return told(body, 'ConnectionError')
  const gunzip = createGunzip()
  body.on('error', (error) => gunzip.destroy(new Unread('ConnectionError', error.message)))
  return told(body.pipe(gunzip), 'DeserializationError')
}

async function* told(stream: Readable, name: Unread['name']): AsyncIterable<Uint8Array> {
  try {
    for await (const bytes of stream) yield bytes as Uint8Array
  } catch (error) {
    throw error instanceof Unread ? error : new Unread(name, (error as Error).message)
  }
}

async function* counted(bytes: AsyncIterable<Uint8Array>, most: number): AsyncIterable<Uint8Array> {
  let count = 0
  for await (const some of bytes) {
    count += some.byteLength
    if (count > most) throw new Unread('TooLarge', `It has more than ${most} bytes.`)
    yield some
  }
}
