// The Python package as a wheel: one file that pip installs without building or fetching anything.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'

/** Writes `<outdir>/wheel/epochtree-<version>-py3-none-any.whl` from python/; the same content gives the same bytes. */
export function makeWheel(root, outdir) {
  const project = readFileSync(join(root, 'python', 'pyproject.toml'), 'utf8')
  const field = (name) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(project)?.[1] ?? ''
  const [name, version] = [field('name'), field('version')]
  const info = `${name}-${version}.dist-info`
  const source = join(root, 'python', 'epochtree')
  const files = readdirSync(source, { recursive: true })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.py$|(^|\/)py\.typed$/.test(file) && !file.includes('__pycache__'))
    .toSorted()
    .map((file) => [`epochtree/${file}`, readFileSync(join(source, file))])
  files.push(
    [
      `${info}/METADATA`,
      Buffer.from(
        `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\nSummary: ${field('description')}\nLicense: MIT\nRequires-Python: ${field('requires-python')}\n`,
      ),
    ],
    [`${info}/WHEEL`, Buffer.from('Wheel-Version: 1.0\nGenerator: epochtree\nRoot-Is-Purelib: true\nTag: py3-none-any\n')],
  )
  const record = files.map(([path, data]) => `${path},sha256=${createHash('sha256').update(data).digest('base64url')},${data.length}\n`)
  files.push([`${info}/RECORD`, Buffer.from(`${record.join('')}${info}/RECORD,,\n`)])
  const folder = join(outdir, 'wheel')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}-${version}-py3-none-any.whl`), zip(files))
}

// 1980-01-01, the first day that the format knows.
const DAY = 0x21

function zip(files) {
  const parts = []
  const directory = []
  let offset = 0
  for (const [path, data] of files) {
    const name = Buffer.from(path)
    const packed = deflateRawSync(data, { level: 9 })
    // Version needed, flags (UTF-8 names), deflate, time, day, checksum, sizes, name.
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt16LE(DAY, 8)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, packed)
    const entry = Buffer.alloc(14)
    // A plain file that everyone may read.
    entry.writeUInt32LE((0o100644 << 16) >>> 0, 6)
    entry.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, entry, name)
    offset += 30 + name.length + packed.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, listed, end])
}
