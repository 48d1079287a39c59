import { accessSync, constants, existsSync, realpathSync, statfsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, posix, win32 } from 'node:path'
import { folders } from '../../journal/runFiles'

// Where SQLite's shared memory does not work: NFS, SMB, CIFS, 9P, FUSE (sshfs among it), AFS, Ceph, Lustre, GPFS, BeeGFS,
// folders shared with a virtual machine's host (VirtualBox, VMware, Parallels), GFS2, OCFS2.
const NETWORK_FILE_SYSTEMS = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546, 0x5346414f, 0x00c36400, 0x0bd00bd0, 0x47504653, 0x19830326, 0x786f4256,
  0xbacbacbc, 0x7c7c6673, 0x01161970, 0x7461636f,
])

type Environment = Readonly<Record<string, string | undefined>>

/** The user's cache folder for Epochtree, by each system's own habit. */
export function cacheFolder(platform: NodeJS.Platform, env: Environment, home: string): string {
  if (platform === 'win32') return win32.join(env['LOCALAPPDATA'] ?? win32.join(home, 'AppData', 'Local'), 'epochtree', 'cache')
  if (platform === 'darwin') return posix.join(home, 'Library', 'Caches', 'epochtree')
  return posix.join(env['XDG_CACHE_HOME'] || posix.join(home, '.cache'), 'epochtree')
}

/**
 * Where a folder's store lies: in it, or in the user's cache when the folder is on a network file system or can't be written.
 * A folder that must only be read has one of its own there: a database that came with it is never opened.
 */
export function storePlace(dir: string, env: Environment, readOnly = false): string {
  const beside = folders(dir).store
  if (!readOnly && !onNetwork(dir, env) && writable(dir)) return beside
  // Loaded where it is needed, which is rarely.
  const key = process
    .getBuiltinModule('node:crypto')
    .createHash('sha256')
    .update(existsSync(dir) ? realpathSync(dir) : dir)
    .digest('hex')
    .slice(0, 32)
  return join(cacheFolder(process.platform, env, homedir()), 'stores', key, readOnly ? 'read-only.sqlite' : 'store.sqlite')
}

function onNetwork(dir: string, env: Environment): boolean {
  // For file systems that this list does not know, and for tests.
  if (env['EPOCHTREE_NETWORK_FOLDER']) return env['EPOCHTREE_NETWORK_FOLDER'] !== '0'
  if (process.platform === 'win32') return dir.startsWith('\\\\')
  if (process.platform !== 'linux') return false
  try {
    return NETWORK_FILE_SYSTEMS.has(statfsSync(dir).type)
  } catch {
    return false
  }
}

function writable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
