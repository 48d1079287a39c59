import type { Uri } from 'vscode'

const DRAFT = /[\\/]drafts[\\/][0-9a-f]{24}[\\/](?:fork|train)\.jsonc$/

export const isDraft = ({ scheme, fsPath }: Pick<Uri, 'scheme' | 'fsPath'>): boolean => scheme === 'file' && DRAFT.test(fsPath)
