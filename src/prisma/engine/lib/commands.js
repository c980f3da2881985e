'use strict'

const { connect, parseUrl, quoteIdentifier, withConnection } = require('./connection')
const { KnownError, isKnown, toConnectionError } = require('./errors')
const { log } = require('./log')

// What the CLI asks of the engine in a process of its own: the answer is a log line and the exit status.
const COMMANDS = {
  'can-connect-to-database': async (url) => {
    await (await connect(url)).end()
    return 'connected'
  },
  'create-database': async (url) => {
    const { client, schema } = parseUrl(url)
    await maintain(url, `CREATE DATABASE ${quoteIdentifier(client.database)}`)
    await withConnection(url, (created) =>
      created.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`),
    )
    return `created ${client.database}`
  },
  'drop-database': async (url) => {
    await maintain(url, `DROP DATABASE IF EXISTS ${quoteIdentifier(parseUrl(url).client.database)}`)
    return 'dropped'
  },
}

/** Runs `sql` beside the database in `url`, which cannot be made or dropped from within. */
async function maintain(url, sql) {
  try {
    await withConnection(url, (client) => client.query(sql), 'postgres')
  } catch (error) {
    throw toConnectionError(error, parseUrl(url))
  }
}

/** Runs the command `name` and gives the exit status. */
async function runCommand(name, url) {
  // The CLI skips the first line.
  log('INFO', { message: 'begin' })
  try {
    const command = COMMANDS[name]
    if (!command) throw new KnownError(undefined, `unknown command ${name}`)
    log('INFO', { message: await command(url) })
    return 0
  } catch (error) {
    const fields = {
      is_panic: false,
      error_code: isKnown(error) ? error.code : '',
      message: String(error.message ?? error),
    }
    log('ERROR', fields, 'schema_engine::logger')
    return 1
  }
}

module.exports = { runCommand }
