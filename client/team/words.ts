import * as vscode from 'vscode'
import type { FolderState, TeamServer, TeamStatus } from '../../server/protocol/editor'

const { t } = vscode.l10n

/** What stands at the top of a folder's sessions while not all of its team's servers can be used. */
export interface TeamTrouble {
  readonly label: string
  readonly description: string
  readonly details: readonly string[]
}

export const waitingWord = (epochs: number) =>
  epochs === 1 ? t('1 epoch not uploaded yet') : t('{0} epochs not uploaded yet', epochs.toLocaleString())

/** Today only the time, and else the day with it. */
export function sinceText(since: number, now = Date.now()): string {
  const date = new Date(since * 1000)
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  return date.toDateString() === new Date(now).toDateString() ? time : `${date.toLocaleDateString()}, ${time}`
}

/** Undefined where all is well, or the folder has no team. */
export function teamTrouble({ team }: Pick<FolderState, 'team'>): TeamTrouble | undefined {
  if (!team) return undefined
  const waiting = team.waiting > 0 ? [waitingWord(team.waiting)] : []
  if (team.trouble !== null)
    return {
      label: t('The team is not connected'),
      description: [...waiting, t('training goes on')].join(' · '),
      details: [team.trouble, ...stillWorks(team.servers.map(({ name }) => name))],
    }
  const away = team.servers.filter(({ state }) => state === 'away')
  const refused = team.servers.filter(({ state }) => state === 'refused')
  // Who only looks at what others bring misses nothing.
  const read = team.waiting > 0 ? team.servers.filter(({ state }) => state === 'reads') : []
  if (away.length + refused.length + read.length === 0) return undefined
  return {
    label: [
      ...(away.length
        ? [away.length === 1 ? t('{0} is away since {1}', ...about(away)) : t('{0} are away since {1}', ...about(away))]
        : []),
      ...(refused.length ? [t('{0} can not be used since {1}', ...about(refused))] : []),
      ...(read.length ? [t('{0} can only be read since {1}', ...about(read))] : []),
    ].join('; '),
    description: [...waiting, t('training goes on')].join(' · '),
    details: [
      ...[...away, ...refused, ...read].flatMap(({ message }) => (message === null ? [] : [message])),
      ...stillWorks(
        [...away, ...refused].map(({ name }) => name),
        read.map(({ name }) => name),
      ),
    ],
  }
}

const about = (servers: readonly TeamServer[]): [names: string, since: string] => [
  new Intl.ListFormat(vscode.env.language, { type: 'conjunction' }).format(servers.map(({ name }) => name)),
  sinceText(Math.min(...servers.map(({ since }) => since))),
]

/** What goes on while some servers can't be used, or only be read, and what has to wait; without either, while none can be used. */
export function stillWorks(without: readonly TeamServer['name'][], read: readonly TeamServer['name'][] = []): string[] {
  const all = without.length + read.length === 0
  const only =
    read.length > 0
      ? [
          ...(without.length > 0 ? [] : [t('What others brought can be seen, compared, forked and pulled, and trainings go on as ever.')]),
          t('What is trained here others do not see until the missing right is given; then it is uploaded by itself.'),
          ...(read.includes('MongoDB') ? [t("Others' sessions can not be selected, renamed, tagged or deleted until then.")] : []),
        ]
      : []
  if (!all && without.length === 0) return only
  return [
    t('Training, and all that was trained on this machine, goes on as ever. What is new is uploaded by itself once they can be reached.'),
    ...(all || without.includes('MongoDB')
      ? [
          t(
            'Sessions of others are shown as they were last seen here; those that were not pulled can not be opened, compared, forked or changed until then.',
          ),
        ]
      : []),
    ...(all || without.includes('Elasticsearch')
      ? [
          t(
            'Metrics and samples of others can not be read until then, and their epochs not be forked: a fork goes on from the last step that was logged.',
          ),
        ]
      : []),
    ...(all || without.includes('Google Cloud Storage')
      ? [t('Weights of others that are not on this machine yet can not be fetched until then.')]
      : []),
    ...only,
  ]
}

export const stateText = ({ state, since }: TeamServer): string =>
  ({
    ok: t('can be reached, since {0}', sinceText(since)),
    away: t('away since {0}', sinceText(since)),
    refused: t('can not be used since {0}', sinceText(since)),
    reads: t('can only be read, since {0}', sinceText(since)),
  })[state]

export const stateIcon = ({ state }: TeamServer): string =>
  ({ ok: 'pass', away: 'debug-disconnect', refused: 'circle-slash', reads: 'eye' })[state]

const SERVERS = 3

/** Whether all is there, and nothing waits. */
export const isCalm = ({ servers, waiting, trouble }: TeamStatus) =>
  trouble === null && waiting === 0 && servers.length === SERVERS && servers.every(({ state }) => state === 'ok')

const LONGEST_NAME = 60

/** Who brought a session, as that machine told: of unknown origin, and only shown. */
export function byText(by: string | null): string {
  const name = by?.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim()
  if (!name) return t('somebody else')
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name
}
