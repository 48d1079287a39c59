/** Words of a name, so that a tokenizer, the tokens and an author are no secrets. */
const SECRET_WORDS =
  /^(pass|passwd|password|passphrase|secret|secrets|token|auth|authorization|credential|credentials|apikey|accesskey|privatekey)$/
const SECRET_PAIRS = /(^|-)(api|access|private|secret|encryption|signing|wandb|ssh)-keys?(-|$)/
/** What follows says how much or where, and is worth reading. */
const HARMLESS_ENDS = /-(file|path|dir|length|len|limit|count|type|id|ids|index|size|name|url|idx)$/
const MASK = '***'
/** What looks like a secret wherever it stands. */
const PIECES: readonly (readonly [RegExp, string])[] = [
  [/:\/\/([^/@\s:]*):[^/@\s]+@/g, `://$1:${MASK}@`],
  [/\b(Bearer|Basic|Token)\s+[\w.~+/=-]{6,}/gi, `$1 ${MASK}`],
  [/(?<![\w-])(?:sk-|gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-|AKIA|ASIA|AIza|ya29\.|eyJ)[\w.-]{8,}/g, MASK],
]
/** A shell would do something with these: hiding them would hide what a command does. */
const ACTIVE = /[$`;|&()<>\n]/

/** Whether an option or a variable of that name holds a secret: `--api-key`, `WANDB_API_KEY`, `dbPassword`. */
function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+/, '')
    .toLowerCase()
  return !HARMLESS_ENDS.test(words) && (SECRET_PAIRS.test(words) || words.split('-').some((word) => SECRET_WORDS.test(word)))
}

/** A command as it may be shown: what looks like a secret is masked. */
export function maskSecrets(argv: readonly string[]): string[] {
  return argv.map((word, i) => (namesSecret(argv[i - 1]) ? MASK : /\s/.test(word) ? maskText(word) : maskWord(word)))
}

const namesSecret = (word: string | undefined) => word !== undefined && /^--?[^\s=]+$/.test(word) && isSecretName(word)
const maskPieces = (text: string) => PIECES.reduce((masked, [piece, mask]) => masked.replace(piece, mask), text)

function maskWord(word: string): string {
  const [, name, value] = /^([^=\s]+)=(.+)$/s.exec(word) ?? []
  return name !== undefined && value !== undefined && isSecretName(name.split('.').at(-1)!) ? `${name}=${MASK}` : maskPieces(word)
}

/** A word that holds a text, such as what follows `bash -c`: each of its words in turn, so that what it does stays to be read. */
function maskText(text: string): string {
  let hidden = false
  const words = text.replace(/(?:[^\s"';|&()<>]|"[^"]*"|'[^']*')+/g, (word) => {
    const masked = ACTIVE.test(word) ? word : hidden ? MASK : maskWord(word)
    hidden = namesSecret(word)
    return masked
  })
  return maskPieces(words).replace(/([\w-]+):\s+([^\s"']+)/g, (all, name: string, value: string) =>
    isSecretName(name) && !/^(Bearer|Basic|Token)$/i.test(value) ? `${name}: ${MASK}` : all,
  )
}
