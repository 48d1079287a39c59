import type { SyntaxNode } from '@lezer/common'
import type { FoundCall } from './calls'
import { textOf, type Cell } from './cell'
import type { LoggedMetric } from './types'
import { argumentsOf } from './callArguments'
import { evaluator } from './values'
import { recorders } from './variables'

/** The metrics of `epoch.log({"loss": ...}, split="val")`, by the cell in which their names are written. */
export function findMetrics(
  cells: readonly Cell[],
  calls: readonly FoundCall[],
  modelOf: (call: FoundCall) => string | undefined,
): readonly (LoggedMetric & { readonly cell: Cell })[] {
  const recorderOf = recorders(calls)
  // What is logged are variables, whose values nobody knows before.
  const evaluate = evaluator({ keysOnly: true })
  return cells.flatMap((cell) =>
    logged(cell).flatMap(({ receiver, list }) => {
      const recorder = recorderOf(cell, receiver)
      if (!recorder) return []
      const given = argumentsOf(list)
      const placed = given.filter(({ name, star }) => !name && !star)
      const argument = (called: string, place: number) => given.find(({ name }) => name && textOf(cell, name) === called) ?? placed[place]
      const values = argument('values', 0)?.value
      const split = argument('split', 1)
      const usual = given.some(({ star }) => star) ? undefined : recorder.kind === 'epoch' ? 'train' : 'test'
      const written = split?.value && evaluate(cell, split.value).json
      return (values ? (evaluate(cell, values).entries ?? []) : []).flatMap(({ key, keyType, range, cell: where }) =>
        keyType === 'str'
          ? [
              {
                ...range,
                cell: where,
                name: key,
                split: split ? (typeof written === 'string' ? written : undefined) : usual,
                modelName: recorder.call?.means === 'session' ? modelOf(recorder.call) : undefined,
              },
            ]
          : [],
      )
    }),
  )
}

function logged({ text, tree }: Cell): { readonly receiver: SyntaxNode; readonly list: SyntaxNode }[] {
  if (!tree) return []
  return [...text.matchAll(/\.[ \t]*log(?=[ \t]*\()/g)].flatMap(({ index, 0: { length } }) => {
    const property = tree.resolveInner(index + length - 1, 1)
    const callee = property.name === 'PropertyName' ? property.parent : undefined
    const list = callee?.parent?.name === 'CallExpression' ? callee.parent.getChild('ArgList') : undefined
    return callee?.firstChild && list ? [{ receiver: callee.firstChild, list }] : []
  })
}
