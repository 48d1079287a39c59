/** Nothing that asks, greets, moves or phones: what is left is the editor and the extension. */
export const quiet = {
  'workbench.startupEditor': 'none',
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.layoutControl.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'chat.disableAIFeatures': true,
  'git.openRepositoryInParentFolders': 'never',
} as const

/** For tests and pictures as well: the same on every machine, and every text in the page itself. */
export const steady = {
  ...quiet,
  'git.enabled': false,
  'files.autoSave': 'off',
  'files.simpleDialog.enable': true,
  'window.restoreWindows': 'none',
  'editor.hover.delay': 100,
  'editor.cursorBlinking': 'solid',
  'workbench.reduceMotion': 'on',
  'terminal.integrated.gpuAcceleration': 'off',
  'terminal.integrated.cursorBlinking': false,
} as const
