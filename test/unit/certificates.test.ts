import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { trusted } from '../../server/storage/team/certificates'

describe('a file with certificates', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'epochtree-certificates-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const file = (text: string) => {
    const path = join(folder, 'ca.pem')
    writeFileSync(path, text)
    return path
  }

  it('is trusted besides what is trusted anyway', () => {
    const text = `# Our own\r\n${rootCertificates[0]!.replaceAll('\n', '\r\n')}\r\n${rootCertificates[1]}`
    const [...all] = trusted(file(text), 'MongoDB')
    assert.equal(all.pop(), text)
    assert.ok(all.includes(rootCertificates[5]!))
  })

  it('is refused where it holds none or a damaged one, or is no file', () => {
    const refused = (path: string, message: RegExp) =>
      assert.throws(() => trusted(path, 'Elasticsearch'), { code: 'server-refused', message }, String(message))
    refused(file(''), /certificates for Elasticsearch, .*ca\.pem, holds no certificate.*EPOCHTREE_CA_FILE/)
    refused(file('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'), /holds no certificate/)
    refused(file(`${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`), /damaged: its certificate 2/)
    refused(file('x'.repeat(8 * 1024 * 1024 + 1)), /larger than 8 MiB/)
    refused(join(folder, 'none.pem'), /can't be read \(ENOENT\)/)
    refused(folder, /is no file/)
  })

  it('is not waited for where it is a pipe', function () {
    if (process.platform === 'win32') this.skip()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    assert.throws(() => trusted(join(folder, 'pipe'), 'MongoDB'), { code: 'server-refused', message: /is no file/ })
  })
})
