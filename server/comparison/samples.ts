import { EpochtreeError } from '../errors'
import { jsonNumber } from '../json'
import type { Answer, Asked, Question, SampledEpochs } from '../protocol/comparison'
import type { Context } from '../requests'
import type { Scope } from '../storage/ports'
import { directionOf } from '../tracking/direction'
import { rolesOf } from '../tracking/roles'
import type { Model } from './models'

const MOST_GROUPS = 1000
/** A table of more could not be looked through; the others are hardly mistaken. */
const MOST_CLASSES = 30

type Answering<Name extends Question> = (
  context: Context,
  models: readonly Model[],
  asked: Asked<Name>,
  signal?: AbortSignal,
) => Promise<Answer<Name>>

/** The splits with the most fields first. */
export const sampleFields: Answering<'sampleFields'> = async ({ stores }, models) => {
  const splits = new Map<string, Map<string, boolean>>()
  for (const { scope } of models)
    for (const { split, name, numeric } of await stores.documents.sampleFields(scope)) {
      const fields = splits.get(split) ?? new Map<string, boolean>()
      splits.set(split, fields.set(name, numeric || (fields.get(name) ?? false)))
    }
  return {
    splits: [...splits]
      .map(([split, fields]) => {
        const roles = rolesOf([...fields.keys()])
        return {
          split,
          fields: [...fields].map(([name, numeric]) => ({ name, numeric, direction: directionOf(name), role: roles.get(name) ?? null })),
        }
      })
      .sort((a, b) => b.fields.length - a.fields.length || a.split.localeCompare(b.split)),
  }
}

export const samples: Answering<'samples'> = async ({ stores }, models, { split, by, field, better }, signal) => {
  const sampled = await epochsWith(stores, models, split, [by, field])
  const found = await stores.documents.groupBy(sampled.scopes, { split, by, field, better, most: MOST_GROUPS }, signal)
  return {
    groups: found.groups.map(({ group, scopes }) => ({
      group,
      models: sampled.ofEach(
        scopes,
        (one) => one && { count: one.count, mean: jsonNumber(one.mean), min: jsonNumber(one.min), max: jsonNumber(one.max) },
      ),
    })),
    epochs: sampled.epochs,
    moreGroups: found.more,
  }
}

export const confusion: Answering<'confusion'> = async ({ stores }, models, { split, label, prediction }, signal) => {
  const sampled = await epochsWith(stores, models, split, [label, prediction])
  const found = await stores.documents.confusion(sampled.scopes, { split, label, prediction, most: MOST_CLASSES }, signal)
  const width = found.classes.length
  return {
    classes: found.classes,
    models: sampled.ofEach(found.models, ({ count, right, counts }) => ({
      count,
      right,
      counts: found.classes.map((_, row) => Array.from(counts.subarray(row * width, (row + 1) * width))),
    })),
    epochs: sampled.epochs,
    moreClasses: found.more,
  }
}

export const flips: Answering<'flips'> = async ({ stores }, models, { a, b, ...query }, signal) => {
  const [one, other] = [models[a], models[b]]
  if (!one || !other) throw new EpochtreeError('bad-argument', `There are ${models.length} models here, counted from 0.`)
  const sampled = await epochsWith(stores, [one, other], query.split, [query.sample, query.label, query.prediction])
  const scope = (place: 0 | 1): Scope => ({ epochIds: sampled.epochs[place] ? [sampled.epochs[place].id] : [] })
  const { more, ...found } = await stores.documents.flips(scope(0), scope(1), query, signal)
  return { ...found, moreSamples: more, epochs: sampled.epochs }
}

export const histogram: Answering<'histogram'> = async ({ stores }, models, { split, field, bins, log }, signal) => {
  const sampled = await epochsWith(stores, models, split, [field])
  const found = await stores.documents.histogram(sampled.scopes, { split, field, bins, log }, signal)
  return {
    edges: found.edges,
    models: sampled.ofEach(found.scopes, ({ counts, count, outside, mean }) => ({
      counts: Array.from(counts),
      count,
      outside,
      mean: jsonNumber(mean),
    })),
    epochs: sampled.epochs,
  }
}

/** The epoch of each model whose samples are asked: the compared one, or the last before it that has all of the fields. */
async function epochsWith({ documents }: Context['stores'], models: readonly Model[], split: string, fields: readonly string[]) {
  const epochs: SampledEpochs = await Promise.all(
    models.map(async ({ scope }) => (await documents.lastSampled(scope, split, fields)) ?? null),
  )
  const known = epochs.flatMap((epoch, place) => (epoch ? [{ epoch, place }] : []))
  return {
    epochs,
    /** Only of the models that have such an epoch. */
    scopes: known.map(({ epoch }) => ({ epochIds: [epoch.id] })),
    /** What was found in those scopes, one a model. */
    ofEach<Found, Shown>(found: readonly Found[], show: (one: Found) => Shown): (Shown | null)[] {
      const shown: (Shown | null)[] = models.map(() => null)
      for (const [i, { place }] of known.entries()) shown[place] = show(found[i]!)
      return shown
    },
  }
}
