'use strict'

const { connect, parseUrl, quoteIdentifier } = require('./connection')
const { KnownError, toDriverError } = require('./errors')
const { columnType, fromText, toParameter } = require('./types')

// The engine talks to the database through objects of this shape. The official adapter over `pg` is not used:
// it cuts scripts at every semicolon, inside of function bodies too, and does not know all of the types that
// the catalogs have.
const shape = {
  provider: 'postgres',
  adapterName: 'run-migration',
  errorRegistry: { consumeError: () => undefined },
}

const ok = (value) => ({ ok: true, value })
const fail = (error) => ({ ok: false, error })

/** `action` with its result, or the error that it throws, in the engine's wrapping. */
const wrapped =
  (action) =>
  async (...args) => {
    try {
      return ok(await action(...args))
    } catch (error) {
      return fail(toDriverError(error))
    }
  }

const readAsText = { getTypeParser: () => (text) => text }

/** One connection, as the engine sees it. */
class Session {
  /** What `pg` threw when the last script failed. */
  scriptError = undefined

  constructor(client, schema, generation) {
    this.client = client
    this.schema = schema
    this.generation = generation
  }

  async query({ sql, args, argTypes }) {
    const values = args.map((value, index) => toParameter(value, argTypes?.[index]))
    return this.client.query({ text: sql, values, rowMode: 'array', types: readAsText })
  }

  async read(query) {
    const { fields, rows } = await this.query(query)
    const set = {
      columnNames: fields.map((field) => field.name),
      columnTypes: fields.map((field) => columnType(field.dataTypeID)),
      rows: rows.map((row) => row.map((text, column) => fromText(fields[column].dataTypeID, text))),
    }
    if (!this.generation.joinTablesHavePrimaryKey) require('./join-tables').showPrimaryKeys(set)
    return set
  }

  /** The whole script as one simple query, as the native engine sends it. */
  async runScript(script) {
    this.scriptError = undefined
    try {
      await this.client.query(script)
    } catch (error) {
      this.scriptError = error
      throw error
    }
  }

  adapter() {
    const queryable = {
      ...shape,
      queryRaw: wrapped((query) => this.read(query)),
      executeRaw: wrapped(async (query) => (await this.query(query)).rowCount ?? 0),
    }
    return {
      ...queryable,
      executeScript: wrapped((script) => this.runScript(script)),
      startTransaction: wrapped(async (isolation) => {
        await this.client.query(isolation ? `BEGIN ISOLATION LEVEL ${isolation}` : 'BEGIN')
        // The engine sends COMMIT or ROLLBACK itself.
        const done = wrapped(async () => {})
        return { ...queryable, options: { usePhantomQuery: false }, commit: done, rollback: done }
      }),
      getConnectionInfo: () => ok({ schemaName: this.schema, supportsRelationJoins: true }),
      dispose: wrapped(async () => {}),
    }
  }
}

const noShadowDatabase = wrapped(() => {
  throw new KnownError('P3014', 'this engine works without a shadow database')
})

/** Connects to the database in `url`; the session lives until its client is ended. */
async function openSession(url, generation) {
  const { schema } = parseUrl(url)
  const client = await connect(url)
  await client.query(`SET search_path = ${quoteIdentifier(schema)}`)
  return new Session(client, schema, generation)
}

/** What the engine gets its only connection from. */
function factoryOf(session) {
  return { ...shape, connect: wrapped(async () => session.adapter()), connectToShadowDb: noShadowDatabase }
}

/** For a diff of two schema files: the engine still asks for the server's version. */
function offlineFactory() {
  const nothing = { columnNames: [], columnTypes: [], rows: [] }
  const server = {
    columnNames: ['exists', 'version', 'numeric_version'],
    columnTypes: [5, 7, 0],
    rows: [[true, 'PostgreSQL 14.0', 140000]],
  }
  const adapter = {
    ...shape,
    queryRaw: async ({ sql }) => ok(/version\(\)/.test(sql) ? server : nothing),
    executeRaw: async () => ok(0),
    executeScript: async () => ok(undefined),
    getConnectionInfo: () => ok({ schemaName: 'public', supportsRelationJoins: true }),
    dispose: async () => ok(undefined),
  }
  return { ...shape, connect: async () => ok(adapter), connectToShadowDb: noShadowDatabase }
}

module.exports = { openSession, factoryOf, offlineFactory }
