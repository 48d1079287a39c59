import * as vscode from 'vscode'
import type { FolderState, TeamServer } from '../../server/protocol/editor'
import type { Server } from '../server'
import { connect } from '../team/connect'
import { placesOfStore, shownStore, writeStore } from '../team/settings'
import { isCalm, stateIcon, stateText, stillWorks, teamTrouble, waitingWord } from '../team/words'
import { needsTrust } from '../trust'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The folder that a command is about; from the palette it is picked. */
interface Given {
  readonly dir?: string
}

/** A team's servers: to connect to them, to see how they are, to leave them. */
export function team({ server, secrets, log }: Parts): Commands {
  const folderOf = (given: Given | undefined, title: string, fits?: (folder: FolderState) => boolean) =>
    folderFor(server, given, title, fits)
  return {
    'epochtree.connectTeam': async (given?: Given) => {
      needsTrust()
      const { dir } = await folderOf(given, t('Connect which folder to a team?'))
      await connect(server, secrets, dir)
    },
    'epochtree.leaveTeam': async (given?: Given) => {
      needsTrust()
      await leave(server, await folderOf(given, t('Leave the team of which folder?'), ({ team: one }) => one !== null))
    },
    'epochtree.forgetSecrets': async () => {
      const addresses = await secrets.addresses()
      if (!addresses.length) return vscode.window.showInformationMessage(t('No password and no key of a team is kept here.'))
      const forget = t('Forget')
      const answer = await vscode.window.showWarningMessage(
        t('Forget what lets you into the servers of your team?'),
        { modal: true, detail: addresses.join('\n') },
        forget,
      )
      if (answer === forget) await secrets.forgetAll()
      return undefined
    },
    'epochtree.showTeam': async (given?: Given) => {
      const folder = await folderOf(given, t('Show the team of which folder?'), ({ team: one }) => one !== null)
      const picked = await showTeam(server, folder)
      if (picked === 'connect') await vscode.commands.executeCommand('epochtree.connectTeam', { dir: folder.dir })
      if (picked === 'log') log.show()
    },
  }
}

/** How the servers are, for as long as it is looked at. */
async function showTeam(server: Server, folder: FolderState): Promise<TeamItem['run']> {
  const pick = vscode.window.createQuickPick<TeamItem>()
  let shown = ''
  const show = (now: FolderState) => {
    const items = itemsOf(now)
    // Items that are set anew take the choice away that somebody is just making.
    if (JSON.stringify(items) === shown) return
    shown = JSON.stringify(items)
    pick.placeholder =
      now.team && isCalm(now.team) ? t('All is uploaded, and every server can be reached') : t('How the servers are, and what still works')
    pick.items = items
  }
  pick.title = t('Team of {0}', folder.name)
  pick.matchOnDescription = true
  pick.matchOnDetail = true
  show(folder)
  const listening = server.on('epochtree/changed', ({ dir, folder: now }) => {
    if (dir === folder.dir) show(now)
  })
  try {
    return await new Promise((resolve) => {
      pick.onDidAccept(() => {
        const run = (pick.selectedItems[0] ?? pick.activeItems[0])?.run
        // The others are only to be read.
        if (run) resolve(run)
      })
      pick.onDidHide(() => resolve(undefined))
      pick.show()
    })
  } finally {
    listening.dispose()
    pick.dispose()
  }
}

async function folderFor(
  server: Server,
  given: Given | undefined,
  title: string,
  fits: (folder: FolderState) => boolean = () => true,
): Promise<FolderState> {
  const folders = (await server.request('epochtree/folders', null)).filter(fits)
  const [only] = folders
  const named = folders.find(({ dir }) => dir === given?.dir)
  if (named) return named
  if (!only)
    throw new Error(
      vscode.workspace.workspaceFolders?.length
        ? t('This folder has no team. Give it one with "Epochtree: Connect to Team...".')
        : t('No folder is open. Open one with "File: Open Folder...", then run this again.'),
    )
  if (folders.length === 1) return only
  const picked = await vscode.window.showQuickPick(
    folders.map((folder) => ({ label: folder.name, description: folder.dir, folder })),
    { title },
  )
  if (!picked) throw new vscode.CancellationError()
  return picked.folder
}

type TeamItem = vscode.QuickPickItem & { readonly run?: 'connect' | 'log' }

function itemsOf(folder: FolderState): TeamItem[] {
  const { servers, waiting, trouble } = folder.team ?? { servers: [], waiting: 0, trouble: null }
  const separator = (label: string): TeamItem => ({ label, kind: vscode.QuickPickItemKind.Separator })
  const names = (...states: readonly TeamServer['state'][]) => servers.flatMap(({ name, state }) => (states.includes(state) ? name : []))
  return [
    ...(trouble === null ? [] : [{ label: `$(warning) ${t('The team is not connected')}`, detail: trouble, run: 'connect' as const }]),
    ...servers.map((one): TeamItem => ({
      label: `$(${stateIcon(one)}) ${one.name}`,
      description: stateText(one),
      ...(one.message === null ? {} : { detail: one.message }),
      // What it lacks is given there: a password, certificates, another address.
      ...(one.state === 'refused' || one.state === 'reads' ? { run: 'connect' } : {}),
    })),
    ...(waiting > 0 ? [{ label: `$(cloud-upload) ${waitingWord(waiting)}` }] : []),
    ...(teamTrouble(folder)
      ? [
          separator(t('what still works')),
          ...stillWorks(names('away', 'refused'), names('reads')).map((label): TeamItem => ({ label: `$(info) ${label}` })),
        ]
      : []),
    separator(''),
    { label: `$(plug) ${t('Connect to Team...')}`, description: t('other servers, or another password'), run: 'connect' },
    { label: `$(output) ${t('Show Log')}`, run: 'log' },
  ]
}

/** Out of the folder's file for everybody, or out of the settings for oneself. */
async function leave(server: Server, { dir, team: left }: FolderState) {
  const { file, store } = await server.request('epochtree/teamFile', { dir })
  const inFile = store?.mode === 'team'
  const places = placesOfStore().filter(({ store: one }) => one.mode === 'team')
  if (!inFile && !places.length)
    throw new Error(
      t('The environment says that this folder has a team. Unset EPOCHTREE_STORE, or set it to local, and start the editor anew.'),
    )
  const [mine, all] = [t('Leave'), t('Leave, for Everybody')]
  const answer = await vscode.window.showWarningMessage(
    t('Leave the team?'),
    {
      modal: true,
      detail: [
        t('What was trained here stays here, and what was uploaded stays with the team.'),
        ...(left && left.waiting > 0 ? [t('{0}: others will not see them.', waitingWord(left.waiting))] : []),
        ...(inFile ? [t('"{0}" takes the team out of {1}; "{2}" is noted in the settings of this workspace.', all, file, mine)] : []),
      ].join(' '),
    },
    mine,
    ...(inFile ? [all] : []),
  )
  if (answer === undefined) return
  for (const { target } of places) await writeStore(undefined, target)
  if (answer === all) await server.request('epochtree/saveTeam', { dir, store: null })
  else if (inFile || shownStore()?.mode === 'team') await writeStore({ mode: 'local' }, vscode.ConfigurationTarget.Workspace)
}
