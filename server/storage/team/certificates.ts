import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import * as tls from 'node:tls'
import { EpochtreeError } from '../../errors'
import type { ServerName } from './ports'

const LARGEST_FILE = 8 * 1024 * 1024
const ONE = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g

/** What is trusted where a team names a file with certificates: that, and what is trusted anyway, which Node would replace by it. */
export function trusted(caFile: string, server: ServerName): string[] {
  // Before Node 22.15 nobody can be asked for those that were added to the built-in ones.
  const usual =
    'getCACertificates' in tls ? tls.getCACertificates('default') : (tls as { rootCertificates: readonly string[] }).rootCertificates
  return [...usual, read(caFile, server)]
}

const parsed = (one: string) => new X509Certificate(one)

/** Node says nothing of a file without certificates, and then trusts nobody whom it should: that would look like a wrong certificate of the server. */
function read(file: string, server: ServerName): string {
  const wrong = (what: string, cause?: unknown) =>
    new EpochtreeError(
      'server-refused',
      `The file with certificates for ${server}, ${file}, ${what}. Name one that holds your authority's certificate (PEM), in EPOCHTREE_CA_FILE or as caFile.`,
      { cause },
    )
  let text: string
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw wrong('is no file')
    if (stat.size > LARGEST_FILE) throw wrong('is larger than 8 MiB')
    text = readFileSync(file, 'latin1')
  } catch (error) {
    throw error instanceof EpochtreeError ? error : wrong(`can't be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
  const found = text.match(ONE) ?? []
  if (found.length === 0) throw wrong('holds no certificate')
  for (const [at, one] of found.entries())
    try {
      parsed(one)
    } catch (error) {
      throw wrong(`is damaged: its certificate ${at + 1} is none`, error)
    }
  return text
}
