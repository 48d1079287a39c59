import { gzipSync } from 'node:zlib'
import type { LocalDatabase } from '../storage/local/database'
import { checkGraph, graphHash, summarize } from '../tracking/graph'
import { readText } from './runFiles'

const LARGEST_GRAPH = 512 * 1024 * 1024

/** Equal graphs are stored once. */
export function takeGraph(db: LocalDatabase, path: string): string {
  const graph = checkGraph(JSON.parse(readText(path, LARGEST_GRAPH)))
  const hash = graphHash(graph)
  if (!db.get('SELECT 1 FROM graph WHERE hash = ?', hash))
    db.run(
      'INSERT INTO graph(hash, body, summary) VALUES(?, ?, ?)',
      hash,
      gzipSync(JSON.stringify(graph), { level: 1 }),
      JSON.stringify(summarize(graph)),
    )
  return hash
}
