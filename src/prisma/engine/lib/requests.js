'use strict'

const { factoryOf, offlineFactory, openSession } = require('./adapter')
const { withConnection, parseUrl, quoteIdentifier, connect } = require('./connection')
const { KnownError, toMigrationError } = require('./errors')
const { listMigrations, names } = require('./migrations')
const { filesOf, readFiles, urlOf, withoutUrls } = require('./schema-files')
const { load } = require('./wasm')

const NO_FILTERS = { externalTables: [], externalEnums: [] }

/** Answers the CLI's requests, each a method of its name. */
class Requests {
  #generation
  #options
  #print
  #session

  /**
   * @param generation what serves the CLI's major
   * @param options the command line
   * @param print shows a text to the user
   */
  constructor(generation, options, print) {
    this.#generation = generation
    this.#options = options
    this.#print = print
  }

  /** Lets go of the database. */
  async close() {
    await this.#session?.client.end()
  }

  async diff({ from, to, script, exitCode, filters }) {
    const urls = new Set()
    const sides = { from: this.#side(from, urls), to: this.#side(to, urls) }
    if (urls.size > 1) throw new KnownError(undefined, 'two live databases cannot be compared')
    const [url] = urls
    const engine = url === undefined ? await this.#start(offlineFactory()) : await this.#connected(url)
    const result = await engine.diff({
      ...sides,
      script: script === true,
      exitCode: exitCode ?? null,
      filters: filters ?? NO_FILTERS,
      shadowDatabaseUrl: null,
    })
    if (result.stdout) await this.#print(this.#inWordsOfMajor(result.stdout))
    return { exitCode: result.exitCode }
  }

  /** A side of a diff as the wasm engine takes it: a live database is the one that it is connected to. */
  #side(target, urls) {
    switch (target.tag) {
      case 'empty':
        return target
      case 'schemaDatamodel':
        return { tag: target.tag, files: filesOf(target) }
      case 'url':
        urls.add(target.url)
        return { tag: 'schemaDatasource', files: this.#anySchema(), configDir: process.cwd() }
      case 'schemaDatasource': {
        const files = filesOf(target)
        urls.add(this.#options.datasource.url ?? urlOf(files))
        const readable = this.#generation.schemaHoldsUrl ? files : withoutUrls(files)
        return { tag: target.tag, files: readable, configDir: target.configDir ?? process.cwd() }
      }
      default:
        throw new KnownError(undefined, `this engine cannot compare with "${target.tag}"`)
    }
  }

  /** A schema that says nothing but which kind of database it is for. */
  #anySchema() {
    const url = this.#generation.schemaHoldsUrl ? '  url = "postgresql://"\n' : ''
    return [{ path: 'schema.prisma', content: `datasource db {\n  provider = "postgresql"\n${url}}\n` }]
  }

  #inWordsOfMajor(script) {
    if (this.#generation.joinTablesHavePrimaryKey) return script
    return require('./join-tables').writeUniqueIndexes(script)
  }

  async applyMigrations(params) {
    const engine = await this.#main()
    try {
      return await engine.applyMigrations(withMigrations(params))
    } catch (error) {
      throw toMigrationError(error, this.#session.scriptError)
    }
  }

  async diagnoseMigrationHistory(params) {
    return (await this.#main()).diagnoseMigrationHistory(withMigrations(params))
  }

  async listMigrationDirectories({ migrationsDirectoryPath }) {
    return { migrations: names(migrationsDirectoryPath) }
  }

  async markMigrationApplied(params) {
    return (await this.#main()).markMigrationApplied(withMigrations(params))
  }

  async markMigrationRolledBack({ migrationName }) {
    return (await this.#main()).markMigrationRolledBack({ migrationName })
  }

  async schemaPush({ force, schema, filters }) {
    const engine = await this.#main()
    return engine.schemaPush({
      force: force === true,
      schema: { files: filesOf(schema) },
      filters: filters ?? NO_FILTERS,
    })
  }

  async reset({ filter }) {
    await (await this.#main()).reset({ filter: filter ?? NO_FILTERS })
    return null
  }

  async dbExecute({ script, datasourceType }) {
    const url =
      datasourceType.tag === 'url'
        ? datasourceType.url
        : (this.#options.datasource.url ?? urlOf(filesOf(datasourceType)))
    await withConnection(url, async (client) => {
      await client.query(`SET search_path = ${quoteIdentifier(parseUrl(url).schema)}`)
      await client.query(script)
    })
    return null
  }

  async getDatabaseVersion() {
    return (await this.#main()).version()
  }

  async ensureConnectionValidity() {
    await (await connect(this.#mainUrl())).end()
    return {}
  }

  /** The engine on the database of the command line. */
  #main() {
    return this.#connected(this.#mainUrl())
  }

  #mainUrl() {
    return this.#options.datasource.url ?? urlOf(readFiles(this.#options.schemaPaths))
  }

  /** The engine on the database in `url`. A process of the CLI's never asks for a second one. */
  #engine
  async #connected(url) {
    this.#session ??= await openSession(url, this.#generation)
    this.#engine ??= await this.#start(factoryOf(this.#session), readFiles(this.#options.schemaPaths))
    return this.#engine
  }

  async #start(factory, files = []) {
    const { SchemaEngine } = await load(this.#generation.wasm)
    const datamodels = files.length > 0 ? files.map(({ path, content }) => [path, content]) : undefined
    return SchemaEngine.new({ datamodels }, () => {}, factory)
  }
}

/** Up to 6.5 the CLI names the directory, later ones read it themselves. */
function withMigrations(params) {
  return {
    filters: NO_FILTERS,
    ...params,
    migrationsList: params.migrationsList ?? listMigrations(params.migrationsDirectoryPath),
  }
}

module.exports = { Requests }
