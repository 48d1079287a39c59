import * as vscode from 'vscode'
import type { Compared } from '../../server/protocol/comparison'
import { sessionsFor } from '../pickSession'
import type { Server } from '../server'
import type { Node } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'

const { t } = vscode.l10n

/** The sessions of one model, as the lens over a call names them. */
export interface OfModel {
  readonly dir: string
  readonly model: string
}

/** The models that a command was called for; where those are fewer than two, the user marks the others. */
export async function modelsToCompare(server: Server, node?: Node | Target | OfModel, chosen?: readonly Node[]): Promise<Compared> {
  const model = node && 'model' in node ? node.model : undefined
  const given = node && 'model' in node ? [] : [node]
  const nodes = (chosen?.length ? chosen.toSorted(oldestFirst) : given).flatMap((one) => targetOf(one) ?? [])
  const rows =
    nodes.length >= 2
      ? []
      : await sessionsFor(server, {
          title: nodes[0] ? t('Compare {0} with', nodes[0].name ?? nodes[0].reference) : t('Compare which sessions? Mark 2 to 12.'),
          fits: ({ dir, modelName }) => (!nodes[0] || nodes[0].dir === dir) && (model === undefined || model === modelName),
        })
  const all = [...nodes, ...rows.map(({ dir, id }) => ({ dir, reference: id }))]
  const [first, ...others] = all
  if (others.some(({ dir }) => dir !== first!.dir))
    throw new Error(t('These models lie in different folders. Only models of one folder can have a past in common and be compared.'))
  return { dir: first!.dir, references: [...new Set(all.map(({ reference }) => reference))] }
}

/** However they were clicked: the parent stands before its fork. */
const oldestFirst = (a: Node, b: Node) => (a.kind === 'session' && b.kind === 'session' ? a.row.createdAt - b.row.createdAt : 0)
