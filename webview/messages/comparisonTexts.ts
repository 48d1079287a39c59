/** The texts of the comparison's page, in English; the extension sends them in the editor's language. Numbers in braces are filled in. */
export const comparisonTexts = {
  title: 'Comparison',
  models: 'Models',
  views: 'Views',
  overview: 'Overview',
  curves: 'Curves',
  differences: 'Differences',
  graph: 'Graph',
  tradeoff: 'Trade-off',
  samples: 'Samples',
  shared: 'shared past',
  noCommonPast: 'They have no epoch in common.',
  partedAt: '{0} and {1} part after epoch {2}',
  noChange: 'alike',
  // A file of its own
  aboutFile: 'About this file',
  savedAt: 'Saved on {0}.',
  metricsLeftOut: '{0} metrics more did not fit in; VS Code shows them all.',
  notInFile: 'This was not saved with the file. Open the comparison in VS Code to see it.',
  notCopied: 'The browser did not let it be copied.',
  lightTheme: 'Light',
  darkTheme: 'Dark',
  // What became of the models while they are shown
  wasDeleted: '{0} was deleted.',
  wasRenamed: '{0} is called {1} now.',
  restore: 'Restore',
} as const
export type ComparisonTexts = Readonly<Record<keyof typeof comparisonTexts, string>>
