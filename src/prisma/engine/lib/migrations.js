'use strict'

const fs = require('node:fs')
const path = require('node:path')

const FILE = 'migration.sql'
const LOCK = 'migration_lock.toml'

/** The migrations in `directory`, in the shape that the engine and the CLIs from 6.6 on give them. */
function listMigrations(directory) {
  return {
    baseDir: directory,
    lockfile: { path: LOCK, content: attempt(() => fs.readFileSync(path.join(directory, LOCK), 'utf8')) },
    shadowDbInitScript: '',
    migrationDirectories: names(directory).map((name) => ({
      path: name,
      migrationFile: { path: FILE, content: read(path.join(directory, name, FILE)) },
    })),
  }
}

/** The directories' names, in the order of their bytes. */
function names(directory) {
  const entries = attempt(() => fs.readdirSync(directory, { withFileTypes: true })) ?? []
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function read(file) {
  try {
    return { tag: 'ok', value: fs.readFileSync(file, 'utf8') }
  } catch (error) {
    return { tag: 'error', value: error.message }
  }
}

function attempt(action) {
  try {
    return action()
  } catch {
    return null
  }
}

module.exports = { listMigrations, names }
