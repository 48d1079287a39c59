import './early'
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node'
import { startServer } from './server'

// IPC when an editor started it so; `--stdio` for any other client of the Language Server Protocol.
startServer(createConnection(ProposedFeatures.all))
