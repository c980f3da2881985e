'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const v8 = require('node:v8')

// How long V8 runs a function before it optimises it. The engine lives for one answer: at V8's own value (13
// million) optimising takes twice the processor time of the answer itself, and comes too late to be of use.
const TIERING_BUDGET = 1_000_000_000

let panicText

/** The text of the panic that the engine died of, if it did. */
const panicMessage = () => panicText

/**
 * Loads a build of the engine.
 * @param {string} name the package that holds it
 * @returns the module with the class `SchemaEngine`
 */
async function load(name) {
  v8.setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`)
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (text) => (panicText = text) }
  const glue = require.resolve(`${name}/schema_engine_bg`)
  const bytes = fs.readFileSync(path.join(path.dirname(glue), 'schema_engine_bg.wasm'))
  const bindings = await import(pathToFileURL(glue))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    './schema_engine_bg.js': bindings,
  })
  bindings.__wbg_set_wasm(exports)
  exports.__wbindgen_start?.()
  return bindings
}

module.exports = { load, panicMessage }
