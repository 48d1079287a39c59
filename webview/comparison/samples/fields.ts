import type { SampleFields } from '../../../server/protocol/comparison'

export type Field = SampleFields['splits'][number]['fields'][number]
type Role = NonNullable<Field['role']>

/** The field that was chosen to hold something, as long as it is there; else the one whose name tells that it does. */
export const fieldOf = (fields: readonly Field[], role: Role, kept: unknown): string | undefined =>
  (fields.find(({ name }) => name === kept) ?? fields.find((field) => field.role === role))?.name

/** What is measured, and for each value of which field: the label where there is one, and a field that gets better or worse. */
export function measured(fields: readonly Field[], by: unknown, field: unknown): { by: string; field: string } | undefined {
  const groups = [
    fields.find(({ name }) => name === by),
    ...(['label', 'prediction'] as const).map((role) => fields.find((one) => one.role === role)),
    ...fields.filter(({ numeric, role }) => !numeric && role !== 'sample'),
    ...fields.filter(({ role }) => role !== 'sample'),
    ...fields,
  ].filter((one) => one !== undefined)
  const numeric = fields.filter((one) => one.numeric)
  const measures = [
    ...numeric.filter(({ name }) => name === field),
    ...numeric.filter(({ direction, role }) => direction !== null && role === null),
    ...numeric.filter(({ role }) => role === null),
    ...numeric,
  ]
  for (const group of groups) {
    const measure = measures.find((one) => one !== group)
    if (measure) return { by: group.name, field: measure.name }
  }
  return undefined
}
