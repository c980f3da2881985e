'use strict'

const readline = require('node:readline')

const METHOD_NOT_FOUND = { code: -32601, message: 'Method not found' }

/**
 * JSON-RPC, a message a line: answers requests one after the other and may ask the other side in between.
 */
class Rpc {
  #output
  #questions = new Map()
  #lastQuestion = 0
  #queue = Promise.resolve()
  #ended = false

  constructor(output) {
    this.#output = output
  }

  /**
   * Serves until `input` ends and the last request is answered.
   * @param answer `(method, params) => result`, or undefined where there is no such method
   * @param toRpcError the error object for what `answer` threw
   */
  async serve(input, answer, toRpcError) {
    for await (const line of readline.createInterface({ input, crlfDelay: Infinity })) {
      if (line.trim() === '') continue
      const message = JSON.parse(line)
      if (message.method === undefined) this.#resolve(message.id)
      else this.#queue = this.#queue.then(() => this.#answer(message, answer, toRpcError))
    }
    // Nobody is left to answer.
    this.#ended = true
    for (const id of this.#questions.keys()) this.#resolve(id)
    await this.#queue
  }

  /** Has the other side print `content`, and waits until it has, as long as it is there. */
  print(content) {
    if (this.#ended) return Promise.resolve()
    const id = this.#lastQuestion++
    return new Promise((resolve) => {
      this.#questions.set(id, resolve)
      this.#send({ method: 'print', params: { content }, id })
    })
  }

  async #answer({ method, params, id }, answer, toRpcError) {
    try {
      const result = answer(method, params ?? {})
      if (result === undefined) this.#send({ error: METHOD_NOT_FOUND, id })
      else this.#send({ result: (await result) ?? null, id })
    } catch (error) {
      this.#send({ error: toRpcError(error), id })
    }
  }

  #resolve(id) {
    this.#questions.get(id)?.()
    this.#questions.delete(id)
  }

  #send(message) {
    this.#output.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
}

module.exports = { Rpc }
