import assert from 'node:assert/strict'
import { pageHtml } from '../../client/pageHtml'

describe("a page's frame", () => {
  const files = { script: 'page.js', style: 'page.css', nonce: 'abc', language: 'en', title: 'Page' }
  const dataIn = (html: string) => /<script nonce="abc" type="application\/json" id="told">(.*?)<\/script>/s.exec(html)?.[1]

  it('holds what it is told, whatever that is called', () => {
    const told = { name: '</script><script>alert(1)</script><!--<script>', other: '$& \u2028 <b>' }
    const data = dataIn(pageHtml({ ...files, told }))!
    assert.doesNotMatch(data, /</)
    assert.deepEqual(JSON.parse(data), told)
  })

  it('holds nothing where nothing is told', () => {
    assert.equal(dataIn(pageHtml(files)), undefined)
  })

  it('shows a title as it is', () => {
    assert.match(pageHtml({ ...files, title: '</title><b>"' }), /<title>&#60;\/title&#62;&#60;b&#62;&#34;<\/title>/)
  })
})
