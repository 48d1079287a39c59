import type { Connection, NotebookDocuments, TextDocuments } from 'vscode-languageserver'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { understand, understandCells } from './script/model'
import { parse } from './script/parse'
import { readPlan } from './script/plan'
import type { Parsed, PlanModel, ScriptModel } from './script/types'

interface Known {
  readonly version: number
  readonly parsed: Parsed
  readonly model: ScriptModel | undefined
}

/** The open documents and what they say; understood when someone asks, and again only after a change. */
export class Scripts {
  readonly documents: TextDocuments<TextDocument>
  readonly #notebooks: NotebookDocuments<TextDocument>
  readonly #known = new Map<string, Known>()
  readonly #cells = new Map<string, { readonly versions: string; readonly models: ReadonlyMap<string, ScriptModel> }>()

  constructor(documents: TextDocuments<TextDocument>, notebooks: NotebookDocuments<TextDocument>) {
    this.documents = documents
    this.#notebooks = notebooks
  }

  listen(connection: Connection) {
    this.documents.listen(connection)
    this.#notebooks.listen(connection)
    this.documents.onDidClose(({ document }) => this.#known.delete(document.uri))
    this.#notebooks.cellTextDocuments.onDidClose(({ document }) => this.#known.delete(document.uri))
    this.#notebooks.onDidClose(({ uri }) => this.#cells.delete(uri))
  }

  /** Tells of documents that came, changed or went. */
  onChange(changed: (document: TextDocument) => void, closed: (uri: string) => void) {
    for (const documents of [this.documents, this.#notebooks.cellTextDocuments]) {
      documents.onDidChangeContent(({ document }) => changed(document))
      documents.onDidClose(({ document }) => closed(document.uri))
    }
  }

  /** Every open document that may be a training script, cells among them. */
  all(): readonly TextDocument[] {
    return [...this.documents.all(), ...this.#notebooks.cellTextDocuments.all()]
  }

  document(uri: string): TextDocument | undefined {
    return this.documents.get(uri) ?? this.#notebooks.cellTextDocuments.get(uri)
  }

  /** What a Python document says; undefined for any other. In a notebook the cells before count too. */
  model(document: TextDocument): ScriptModel | undefined {
    const notebook = this.#notebooks.findNotebookDocumentForCell(document.uri)
    if (!notebook) {
      if (document.languageId !== 'python') return undefined
      const known = this.#parsed(document, false)
      if (known.model) return known.model
      const model = understand(known.parsed)
      this.#known.set(document.uri, { ...known, model })
      return model
    }
    const cells = notebook.cells.flatMap((cell) => this.#notebooks.cellTextDocuments.get(cell.document) ?? [])
    const versions = cells.map(({ uri, version }) => `${uri} ${version}`).join('\n')
    let known = this.#cells.get(notebook.uri)
    if (known?.versions !== versions) {
      const models = understandCells(cells.map((cell) => this.#parsed(cell, true).parsed))
      known = { versions, models: new Map(cells.map(({ uri }, i) => [uri, models[i]!])) }
      this.#cells.set(notebook.uri, known)
    }
    return known.models.get(document.uri)
  }

  /** What a pruning plan's file says. */
  plan(document: TextDocument): PlanModel | undefined {
    return document.uri.endsWith('.plan.json') ? readPlan(document.getText()) : undefined
  }

  #parsed(document: TextDocument, cell: boolean): Known {
    const known = this.#known.get(document.uri)
    if (known?.version === document.version) return known
    // Only what changed since is parsed again.
    const fresh: Known = { version: document.version, parsed: parse(document.getText(), known?.parsed, { cell }), model: undefined }
    this.#known.set(document.uri, fresh)
    return fresh
  }
}
