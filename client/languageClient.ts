// Loaded when the server is started. By name, because a CommonJS package that is imported late has only a default.
export { CloseAction, ErrorAction, LanguageClient, State, TransportKind } from 'vscode-languageclient/node'
