import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tool } from './place'

export interface Certificate {
  /** Of the authority that signed it. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

const REMEDY = 'Install OpenSSL (Debian: `apt-get install openssl`; macOS: `brew install openssl`), then try again.'
const openssl = (cwd: string, ...args: string[]) => tool({ program: 'openssl', args, cwd, remedy: REMEDY })

/** An authority of its own, and a certificate for loopback that it signed; one that is out of date where it says so. */
export async function makeCertificate(folder: string, { expired = false } = {}): Promise<Certificate> {
  mkdirSync(folder, { recursive: true })
  const key = ['-newkey', 'rsa:2048', '-nodes']
  await openssl(
    folder,
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '30',
    '-subj',
    '/CN=Epochtree test authority',
  )
  await openssl(folder, 'req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  writeFileSync(join(folder, 'names.cnf'), 'subjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth, clientAuth\n')
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names.cnf', '-days', expired ? '-1' : '30']
  await openssl(folder, 'x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signing)
  return { caFile: join(folder, 'ca.crt'), certFile: join(folder, 'server.crt'), keyFile: join(folder, 'server.key') }
}
