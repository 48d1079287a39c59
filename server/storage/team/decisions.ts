import type { Marks } from '../ports'

/** What people decided about a session, as one side has it. */
export type Decisions = Required<Marks>
/** What both sides last agreed on; what is not named they never did. */
export type Agreed = Partial<Decisions>

export interface Agreement {
  /** What the team has to be told, and what is to be written here; empty where nothing is. */
  readonly there: Marks
  readonly here: Marks
  /** What holds on both sides once that is done. */
  readonly agreed: Decisions
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** Field by field: what one side decided since both agreed goes to the other. Where both did, what was decided here counts; of tags each side's own changes do. */
export function agree(here: Decisions, before: Agreed, there: Decisions): Agreement {
  const toThere: Record<string, unknown> = {}
  const toHere: Record<string, unknown> = {}
  const agreed: Record<string, unknown> = {}
  for (const field of ['name', 'selected', 'tags', 'deleted'] as const) {
    const mine = !same(here[field], before[field]) || same(here[field], there[field])
    const holds = !mine ? there[field] : field === 'tags' ? joinTags(here.tags, before.tags, there.tags) : here[field]
    agreed[field] = holds
    if (!same(holds, there[field])) toThere[field] = holds
    if (!same(holds, here[field])) toHere[field] = holds
  }
  return { there: toThere, here: toHere, agreed: agreed as unknown as Decisions }
}

/** What either side added or took away since both agreed. */
function joinTags(here: readonly string[], before: readonly string[] | undefined, there: readonly string[]): readonly string[] {
  if (!before) return here
  const kept = here.filter((tag) => there.includes(tag) || !before.includes(tag))
  return [...kept, ...there.filter((tag) => !here.includes(tag) && !before.includes(tag))]
}

const LONGEST_NAME = 10_000

/** What a server says that people decided, as far as it can be true; else what holds here. */
export function readDecisions(there: Decisions, here: Decisions): Decisions {
  const { name, selected, tags, deleted } = there
  return {
    name: typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME ? name : here.name,
    selected: selected === null || /^[0-9a-f]{24}$/.test(selected) ? selected : here.selected,
    tags: Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : here.tags,
    deleted: deleted === null || Number.isFinite(deleted) ? deleted : here.deleted,
  }
}

export const sameDecisions = (a: Decisions, b: Decisions) =>
  a.name === b.name && a.selected === b.selected && a.deleted === b.deleted && same(a.tags, b.tags)

/** A session's decisions as they are noted here. */
export interface Noted {
  readonly decisions: Decisions
  /** What both sides agreed on last; empty where they never did. */
  readonly before: Agreed
  /** The tags that it was made with. */
  readonly made: readonly string[]
  /** What was decided here at any time. */
  readonly decided: ReadonlySet<keyof Decisions>
}

/** What both sides agreed on; before they did, a session as it was made, of which nothing was decided. */
export function baseOf({ before, made, decided, decisions }: Noted): Agreed {
  if (Object.keys(before).length > 0) return before
  return {
    ...(decided.has('name') ? {} : { name: decisions.name }),
    tags: decided.has('tags') ? made : decisions.tags,
    selected: null,
    deleted: null,
  }
}

/** Whether it follows from what is noted that both sides agree on this. */
export function isNoted(noted: Noted, agreed: Decisions): boolean {
  const { name, tags, selected = null, deleted = null } = baseOf(noted)
  return name !== undefined && tags !== undefined && sameDecisions({ name, tags, selected, deleted }, agreed)
}
export const isAgreed = (noted: Noted) => isNoted(noted, noted.decisions)
