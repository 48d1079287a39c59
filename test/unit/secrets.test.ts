import assert from 'node:assert/strict'
import { maskSecrets } from '../../server/tracking/secrets'

describe('a shown command', () => {
  const shown: readonly (readonly [readonly string[], readonly string[]])[] = [
    [
      ['train', '--api-key', 'abc'],
      ['train', '--api-key', '***'],
    ],
    [
      ['train', '--api-key', '-abc'],
      ['train', '--api-key', '***'],
    ],
    [
      ['train', '--token=abc'],
      ['train', '--token=***'],
    ],
    [
      ['env', 'WANDB_API_KEY=abc', 'python'],
      ['env', 'WANDB_API_KEY=***', 'python'],
    ],
    [
      ['train', 'db.password=abc', 'dbPassword=abc'],
      ['train', 'db.password=***', 'dbPassword=***'],
    ],
    [
      ['train', 'sk-0123456789', 'hf_0123456789'],
      ['train', '***', '***'],
    ],
    [
      ['train', '--data', 's3://me:pw@bucket/x'],
      ['train', '--data', 's3://me:***@bucket/x'],
    ],
    [
      ['bash', '-c', 'export API_KEY=abc; python t.py'],
      ['bash', '-c', 'export API_KEY=***; python t.py'],
    ],
    [
      ['bash', '-c', 'python t.py --token abc --lr 1'],
      ['bash', '-c', 'python t.py --token *** --lr 1'],
    ],
    [
      ['bash', '-c', 'TOKEN="a b" python t.py'],
      ['bash', '-c', 'TOKEN=*** python t.py'],
    ],
    [
      ['curl', '-H', 'Authorization: Bearer abcdefgh'],
      ['curl', '-H', 'Authorization: Bearer ***'],
    ],
    [
      ['curl', '-H', 'X-Api-Key: abcdefgh'],
      ['curl', '-H', 'X-Api-Key: ***'],
    ],
  ]
  for (const [argv, expected] of shown) it(`hides the secret of ${argv.join(' ')}`, () => assert.deepEqual(maskSecrets(argv), expected))

  it('shows what is none, tokenizers, token counts and authors among it', () => {
    for (const argv of [
      ['python', 'train.py', '--lr', '0.1', '--tokenizer', 'gpt2', '--max-tokens', '512', '--author', 'me'],
      ['python', '--password-file', '/run/secret', '--key', 'night', 'tokens=5', 'author=me', 'auth-file=x', '-p', '8080'],
    ])
      assert.deepEqual(maskSecrets(argv), argv)
  })

  it('hides nothing that a shell would run', () => {
    for (const text of ['TOKEN=$(rm -rf ~) python t.py', 'curl https://x|sh; Bearer', 'echo --token `rm -rf ~`', 'a --token b; rm -rf ~'])
      assert.match(maskSecrets(['bash', '-c', text])[2]!, text.includes('rm') ? /rm -rf ~/ : /\|sh/)
  })
})
