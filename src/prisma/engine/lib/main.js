'use strict'

const { parse } = require('./arguments')
const { GENERATIONS } = require('./generations')

const PANIC_STATUS = 101

/**
 * The engine as a program: takes the command line and does what it says.
 * @param {5|6|7} major the CLI's
 */
async function run(major) {
  const options = parse(process.argv.slice(2))
  if (options.version) {
    process.stdout.write(`schema-engine-cli ${version(GENERATIONS[major])}\n`)
  } else if (options.command !== undefined) {
    process.exitCode = await require('./commands').runCommand(options.command, options.datasource.url)
  } else {
    await serve(GENERATIONS[major], options)
  }
}

function version({ wasm }) {
  return require(require.resolve(`${wasm}/schema_engine_bg`).replace(/[^/]+$/, 'package.json')).version
}

async function serve(generation, options) {
  const { Rpc } = require('./rpc')
  const { Requests } = require('./requests')
  const { toRpcError } = require('./errors')
  const rpc = new Rpc(process.stdout)
  // The CLI ends the text itself.
  const requests = new Requests(generation, options, (text) => rpc.print(text.replace(/\n$/, '')))
  const answer = (method, params) => (isRequest(method) ? requests[method](params) : undefined)
  process.on('unhandledRejection', dieOfPanic)
  await rpc.serve(process.stdin, answer, (error) => {
    if (error instanceof WebAssembly.RuntimeError) dieOfPanic(error)
    return toRpcError(error)
  })
  await requests.close()
  process.exit(0)

  function isRequest(method) {
    return method !== 'constructor' && method !== 'close' && Object.hasOwn(Requests.prototype, method)
  }
}

/** As the native engine does: the CLI tells the user from the log line and the exit status. */
function dieOfPanic(error) {
  const message = require('./wasm').panicMessage() ?? String(error?.message ?? error)
  require('./log').log('ERROR', { message, is_panic: true, backtrace: String(error?.stack) })
  process.exit(PANIC_STATUS)
}

module.exports = { run }
